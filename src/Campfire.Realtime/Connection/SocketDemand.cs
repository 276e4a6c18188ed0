using Campfire.Realtime.Streams;

namespace Campfire.Realtime.Connection;

/// <summary>Counts the channels of one socket: whether there is room for another, and when the last one has been gone for long enough.</summary>
internal sealed class SocketDemand(int capacity, TimeSpan idleTimeout, TimeProvider time) : IDisposable
{
    private readonly WakeUp _idle = new(time);
    private readonly WakeUp _needed = new(time);
    private readonly Lock _gate = new();
    private int _channels;
    private long? _idleSince;
    private bool _isResting;

    /// <summary>Whether the socket may stay closed. Before the first channel it may not: the application has asked for it.</summary>
    public bool IsResting
    {
        get
        {
            lock (_gate)
                return _isResting;
        }
    }

    public bool HasChannels
    {
        get
        {
            lock (_gate)
                return _channels > 0;
        }
    }

    public bool TryAddChannel()
    {
        lock (_gate)
        {
            if (_channels >= capacity)
                return false;

            _channels++;
            EndRest();
            return true;
        }
    }

    public void RemoveChannel()
    {
        lock (_gate)
        {
            if (--_channels > 0)
                return;

            _idleSince = time.GetTimestamp();
            _idle.In(idleTimeout);
        }
    }

    /// <summary>Says that the socket is wanted, without a channel so far.</summary>
    public void Want()
    {
        lock (_gate)
            EndRest();
    }

    /// <summary>Completes when the socket may rest.</summary>
    public async Task WhenIdleAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await _idle.WaitAsync(cancellationToken).ConfigureAwait(false);
            lock (_gate)
            {
                // The timer may be that of an earlier pause between two channels.
                if (_channels > 0 || _idleSince is not { } since)
                    continue;

                TimeSpan left = idleTimeout - time.GetElapsedTime(since);
                if (left <= TimeSpan.Zero)
                {
                    _isResting = true;
                    return;
                }

                // Timers count in coarser ticks than timestamps, and may be early by one.
                _idle.In(left);
            }
        }
    }

    /// <summary>Completes when a socket that rests is needed again.</summary>
    public ValueTask WhenNeededAsync(CancellationToken cancellationToken) => _needed.WaitAsync(cancellationToken);

    public void Dispose()
    {
        _idle.Dispose();
        _needed.Dispose();
    }

    private void EndRest()
    {
        _idleSince = null;
        if (!_isResting)
            return;

        _isResting = false;
        _needed.Now();
    }
}
