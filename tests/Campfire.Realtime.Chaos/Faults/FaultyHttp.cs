using System.Collections.Concurrent;
using System.Net;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>The clients' way to PostgREST, on which requests are refused, broken off, slow, or carried out without an answer.</summary>
internal sealed class FaultyHttp() : DelegatingHandler(new SocketsHttpHandler { UseCookies = false })
{
    private readonly ConcurrentQueue<PlannedFault> _next = new();
    private int _hit;

    /// <summary>How many requests a fault has hit.</summary>
    public int Hit => Volatile.Read(ref _hit);

    public void HitNext(PlannedFault fault)
    {
        for (int i = 0; i < fault.Size; i++)
            _next.Enqueue(fault);
    }

    public void Clear() => _next.Clear();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (!_next.TryDequeue(out PlannedFault? fault))
            return await base.SendAsync(request, cancellationToken);

        Interlocked.Increment(ref _hit);
        switch (fault.Kind)
        {
            case FaultKind.HttpUnavailable:
                return new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) { RequestMessage = request };
            case FaultKind.HttpBroken:
                throw new HttpRequestException("The harness broke the connection off.");
            case FaultKind.HttpAnswerLost:
                (await base.SendAsync(request, cancellationToken)).Dispose();
                throw new HttpRequestException("The harness lost the answer.");
            default:
                await Task.Delay(fault.Lasts, cancellationToken);
                return await base.SendAsync(request, cancellationToken);
        }
    }
}
