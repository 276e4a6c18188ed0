using System.Globalization;

namespace Campfire.Realtime.Emulator.Faults;

// The state of the network between clients and the emulator's WebSockets.
internal sealed class NetworkFaults(FaultLog log)
{
    private readonly Lock _lock = new();
    private readonly HashSet<NetworkLink> _links = [];
    private DateTimeOffset _refusesUntil;
    private TaskCompletionSource? _silence;
    private TaskCompletionSource? _silenceForNew;
    private TaskCompletionSource? _delayEnd;
    private volatile NetworkDelay _delay = NetworkDelay.None;

    public TimeProvider Time => log.Time;

    public NetworkDelay Delay => _delay;

    public int Connections
    {
        get
        {
            lock (_lock)
                return _links.Count;
        }
    }

    public void Drop(TimeSpan refuseFor)
    {
        NetworkLink[] links;
        lock (_lock)
        {
            _refusesUntil = Time.GetUtcNow() + refuseFor;
            links = [.. _links];
            log.Add(EmulatorFaultKind.ConnectionsDropped, topic: null, links.Length);
        }
        foreach (var link in links)
            link.CutNow();
        EndHalfOpen();
    }

    public void HalfOpen(bool includesNew)
    {
        lock (_lock)
        {
            _silence ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (includesNew)
                _silenceForNew ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            else
                AnswerUpgrades();
            foreach (var link in _links)
                link.Silence = _silence.Task;
            log.Add(EmulatorFaultKind.ConnectionsHalfOpened, topic: null, _links.Count);
        }
    }

    public void EndHalfOpen()
    {
        lock (_lock)
        {
            if (_silence is null)
                return;
            var silent = _links.Count(link => link.Silence is not null);
            foreach (var link in _links)
                link.Silence = null;
            log.Add(EmulatorFaultKind.HalfOpenEnded, topic: null, silent);
            AnswerUpgrades();
            _silence.SetResult();
            _silence = null;
        }
    }

    public void StartDelay(TimeSpan toClients, TimeSpan fromClients)
    {
        lock (_lock)
        {
            _delayEnd ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _delay = new NetworkDelay(toClients, fromClients, _delayEnd.Task);
            log.Add(
                EmulatorFaultKind.DelayStarted,
                topic: null,
                _links.Count,
                string.Create(CultureInfo.InvariantCulture, $"to clients {toClients:c}, from clients {fromClients:c}"));
        }
    }

    public void EndDelay()
    {
        lock (_lock)
        {
            if (_delayEnd is null)
                return;
            _delay = NetworkDelay.None;
            log.Add(EmulatorFaultKind.DelayEnded, topic: null, _links.Count);
            _delayEnd.SetResult();
            _delayEnd = null;
        }
    }

    public void Clear()
    {
        lock (_lock)
            _refusesUntil = default;
        EndHalfOpen();
        EndDelay();
    }

    // Ends when an upgrade request may be answered; false when it is refused.
    public async ValueTask<bool> MayUpgradeAsync(CancellationToken cancellationToken)
    {
        for (var isRecorded = false; ; isRecorded = true)
        {
            Task silence;
            lock (_lock)
            {
                if (Time.GetUtcNow() < _refusesUntil)
                {
                    log.Add(EmulatorFaultKind.ConnectionRefused, topic: null);
                    return false;
                }
                if (_silenceForNew is null)
                    return true;
                silence = _silenceForNew.Task;
                if (!isRecorded)
                    log.Add(EmulatorFaultKind.UpgradeUnanswered, topic: null);
            }
            await silence.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    // Called before the client can know that its socket is open, so that a fault requested by then does not miss it.
    public void Add(NetworkLink link)
    {
        lock (_lock)
        {
            _links.Add(link);
            if (_silenceForNew is not null)
                link.Silence = _silence!.Task;
        }
    }

    public void Remove(NetworkLink link)
    {
        lock (_lock)
            _links.Remove(link);
    }

    private void AnswerUpgrades()
    {
        _silenceForNew?.SetResult();
        _silenceForNew = null;
    }

    public void CutAll()
    {
        NetworkLink[] links;
        lock (_lock)
            links = [.. _links];
        foreach (var link in links)
            link.CutNow();
    }
}
