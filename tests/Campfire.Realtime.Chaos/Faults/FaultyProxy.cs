using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Campfire.Realtime.Chaos.Faults;

/// <summary>A TCP proxy on loopback between clients and a project's Realtime, with the faults that networks have.</summary>
/// <remarks>
/// It speaks TLS to a project that does, and says the project's name in place of its own in the request of each connection, because
/// that name is how Supabase's gateway finds the project. Apart from that it looks at nothing.
/// </remarks>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private readonly Uri _upstream;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<ProxyLink, Task> _links = [];
    private readonly Lock _gate = new();
    private TaskCompletionSource? _silence;
    private bool _isSilentForNew;
    private long _refusesUntil;
    private TimeSpan _delay;
    private Task _accepting = Task.CompletedTask;

    private FaultyProxy(Uri upstream)
    {
        _upstream = upstream;
        _listener.Start(backlog: 1024);
        Url = new UriBuilder(upstream) { Scheme = "ws", Host = "127.0.0.1", Port = ((IPEndPoint)_listener.LocalEndpoint).Port }.Uri;
    }

    /// <summary>What clients take for the project's Realtime.</summary>
    public Uri Url { get; }

    /// <param name="upstream">The project's Realtime, with one of the schemes ws, wss, http and https.</param>
    public static FaultyProxy Start(Uri upstream)
    {
        var proxy = new FaultyProxy(upstream);
        proxy._accepting = proxy.AcceptAsync();
        return proxy;
    }

    /// <summary>Ends every connection, in order or by a reset, and for a while each new one.</summary>
    /// <returns>How many there were.</returns>
    public int Drop(bool isReset, TimeSpan refuseFor = default)
    {
        EndHalfOpen();
        lock (_gate)
        {
            _refusesUntil = Stopwatch.GetTimestamp() + (long)(refuseFor.TotalSeconds * Stopwatch.Frequency);
            foreach (ProxyLink link in _links.Keys)
                link.Cut(isReset);
            return _links.Count;
        }
    }

    /// <summary>Lets every connection fall silent; nothing that is sent is lost, it waits.</summary>
    /// <param name="includesNew">Whether connections that begin meanwhile are silent as well.</param>
    /// <returns>How many there were.</returns>
    public int HalfOpen(bool includesNew = false)
    {
        lock (_gate)
        {
            _silence ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _isSilentForNew = includesNew;
            foreach (ProxyLink link in _links.Keys)
                link.Silence = _silence.Task;
            return _links.Count;
        }
    }

    public void EndHalfOpen()
    {
        lock (_gate)
        {
            _silence?.TrySetResult();
            _silence = null;
            _isSilentForNew = false;
        }
    }

    /// <summary>Delays what passes from now on, in both directions; the order is kept.</summary>
    /// <returns>How many connections there were.</returns>
    public int Delay(TimeSpan delay)
    {
        lock (_gate)
        {
            _delay = delay;
            foreach (ProxyLink link in _links.Keys)
                link.Delay = delay;
            return _links.Count;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _accepting;
        _listener.Dispose();
        Drop(isReset: true);
        Task[] links;
        lock (_gate)
            links = [.. _links.Values];
        await Task.WhenAll(links);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stopping.Token);
                lock (_gate)
                {
                    var link = new ProxyLink(client, _upstream) { Delay = _delay, Silence = _isSilentForNew ? _silence!.Task : Task.CompletedTask };
                    if (Stopwatch.GetTimestamp() < _refusesUntil)
                        link.Cut(isReset: true);
                    _links[link] = RunAsync(link);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task RunAsync(ProxyLink link)
    {
        // The caller holds the lock, and has yet to write this task down.
        await Task.Yield();
        await link.RunAsync();
        lock (_gate)
        {
            _links.Remove(link);
            link.Dispose();
        }
    }
}
