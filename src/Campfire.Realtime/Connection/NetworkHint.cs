namespace Campfire.Realtime.Connection;

/// <summary>The application's word that the network has changed, for one socket: it ends waits, hurries an attempt, and is not lost in between.</summary>
internal sealed class NetworkHint(TimeProvider time)
{
    /// <summary>How long whatever is under way may still take after the network changed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private CancellationTokenSource? _attempt;
    private TaskCompletionSource? _pause;
    private bool _isGiven;

    public void Give()
    {
        lock (_gate)
        {
            _isGiven = true;
            _pause?.TrySetResult();
            _attempt?.CancelAfter(Patience);

            // Networks change in bursts, and each hint must not give the same attempt more time.
            _attempt = null;
        }
    }

    /// <summary>Whether a hint was given since the last attempt began and not taken so far.</summary>
    public bool Take()
    {
        lock (_gate)
        {
            bool wasGiven = _isGiven;
            _isGiven = false;
            return wasGiven;
        }
    }

    /// <summary>An attempt begins, on the network as it is now.</summary>
    public void BeginAttempt(CancellationTokenSource deadline)
    {
        lock (_gate)
        {
            _attempt = deadline;
            _isGiven = false;
        }
    }

    public void EndAttempt()
    {
        lock (_gate)
            _attempt = null;
    }

    /// <summary>Waits, and says whether a hint cut the wait short.</summary>
    public async Task<bool> PauseAsync(TimeSpan delay, CancellationToken cancellationToken)
    {
        var pause = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (Take())
                return true;
            _pause = pause;
        }

        try
        {
            await pause.Task.WaitAsync(delay, time, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            lock (_gate)
                _pause = null;
        }
    }
}
