using System.Collections.Concurrent;
using System.Net.WebSockets;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed class SocketRegistry
{
    private readonly ConcurrentDictionary<RealtimeSocket, bool> _sockets = new();
    private int _users;
    private int _drains;

    // Who was let in before the last one and comes only now has missed it.
    public int Drains => Volatile.Read(ref _drains);

    // Sockets with at least one successful join, which is what Realtime counts as connected users.
    public int Users => Volatile.Read(ref _users);

    public void Add(RealtimeSocket socket) => _sockets.TryAdd(socket, false);

    public void CountAsUser(RealtimeSocket socket)
    {
        if (_sockets.TryUpdate(socket, newValue: true, comparisonValue: false))
            Interlocked.Increment(ref _users);
    }

    public bool IsUser(RealtimeSocket socket) => _sockets.TryGetValue(socket, out var isUser) && isUser;

    public void Remove(RealtimeSocket socket)
    {
        if (_sockets.TryRemove(socket, out var wasUser) && wasUser)
            Interlocked.Decrement(ref _users);
    }

    // As Realtime does every ten minutes.
    public void CutAbandoned()
    {
        foreach (var socket in _sockets.Keys)
        {
            if (socket.IsAbandoned)
                socket.Abort();
        }
    }

    public void AbortAll()
    {
        foreach (var socket in _sockets.Keys)
            socket.Abort();
    }

    // How many there were.
    public int DrainAll()
    {
        Interlocked.Increment(ref _drains);
        var sockets = _sockets.Keys;
        foreach (var socket in sockets)
            socket.Drain();
        return sockets.Count;
    }

    public Task CloseAllAsync(WebSocketCloseStatus status) => Task.WhenAll(_sockets.Keys.Select(socket => socket.CloseAsync(status)));
}
