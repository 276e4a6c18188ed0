namespace Campfire.Realtime.Chaos.Faults;

/// <summary>A client's way to PostgREST, open or not: who loses the network loses more than the socket.</summary>
internal sealed class NetworkGate() : DelegatingHandler(new SocketsHttpHandler { UseCookies = false })
{
    private volatile bool _isClosed;

    public bool IsClosed
    {
        set => _isClosed = value;
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => _isClosed
        ? Task.FromException<HttpResponseMessage>(new HttpRequestException("The harness has cut the network."))
        : base.SendAsync(request, cancellationToken);
}
