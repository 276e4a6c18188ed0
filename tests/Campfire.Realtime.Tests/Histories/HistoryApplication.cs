using Campfire.Realtime.Protocol;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Histories;

// An application as the documentation asks for one: it reads, notes its position, and when a stream ends with a reason it joins
// again behind that position. It says at once when it hears what it must not hear.
internal sealed class HistoryApplication(CampfireClient client, HistoryServer server, JumpingTime time) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _mayRead = new(0);
    private readonly List<Task> _calls = [];
    private readonly List<(Conversation In, string Content)> _sent = [];
    private Task _reading = Task.CompletedTask;
    private Task _watching = Task.CompletedTask;
    private CampfireConnectionState _lastState;
    private volatile Conversation? _conversation;
    private Conversation? _left;
    private volatile bool _isReading = true;
    private volatile string? _complaint;
    private long? _position;
    private long _at;

    public string? Complaint => _complaint;

    public HashSet<long> Deleted { get; } = [];

    // The sequence up to which everything was heard.
    public long At => Volatile.Read(ref _at);

    public bool IsIdle => _conversation is { IsLive: true } && _calls.TrueForAll(call => call.IsCompleted);

    public bool HasEnded => _reading.IsCompleted && _watching.IsCompleted;

    public void Start()
    {
        _watching = WatchAsync();
        _reading = Task.Run(ReadAsync);
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _mayRead.Dispose();
    }

    public void Stop() => _stopping.Cancel();

    public void StopReading() => _isReading = false;

    public void ReadSome(int count) => _mayRead.Release(count);

    public void GoOnReading()
    {
        _isReading = true;
        _mayRead.Release();
    }

    public void Send(int count)
    {
        if (_conversation is not { } conversation)
            return;
        for (int i = 0; i < count; i++)
        {
            string content = $"sent {_sent.Count}";
            _sent.Add((conversation, content));
            _calls.Add(SendAsync(conversation, content));
        }
    }

    public void Track()
    {
        if (_conversation is { } conversation)
            _calls.Add(CallAsync(() => conversation.Presence.TrackAsync(new PresenceDetails { Name = "A" })));
    }

    public void Type()
    {
        if (_conversation is { } conversation)
            _calls.Add(CallAsync(() => conversation.Typing.StartAsync()));
    }

    public void Leave()
    {
        if (_conversation is not { } conversation)
            return;
        _left = conversation;
        _calls.Add(conversation.DisposeAsync().AsTask());
    }

    // What must be true when the faults are over and time has passed.
    public string? Verify()
    {
        if (_complaint is { } complaint)
            return complaint;
        if (_position is null)
            return "The conversation was never joined.";
        if (At != server.Database.LastSequence)
            return $"Heard up to {At}, the log ends at {server.Database.LastSequence}.";
        if (_calls.Find(call => !call.IsCompletedSuccessfully) is { } call)
            return $"A call has no outcome: {call.Status}.";

        foreach (IGrouping<Conversation, (Conversation In, string Content)> sent in _sent.GroupBy(message => message.In))
        {
            int last = -1;
            foreach ((_, string content) in sent)
            {
                int stored = server.Database.Contents.IndexOf(content);
                if (stored >= 0 && stored != server.Database.Contents.LastIndexOf(content))
                    return $"'{content}' was stored twice.";
                if (stored >= 0 && stored < last)
                    return $"'{content}' was stored before what was sent before it.";
                last = stored >= 0 ? stored : last;
            }
        }

        return null;
    }

    public string? VerifyEnd() => _complaint
        ?? (_reading.IsFaulted ? $"The application failed: {_reading.Exception}" : null)
        ?? (_lastState is not CampfireConnectionState.Closed ? $"The status ended as {_lastState}." : null);

    private async Task WatchAsync()
    {
        await foreach (CampfireStatus status in client.WatchStatusAsync())
            _lastState = status.State;
    }

    private async Task ReadAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await client.ConnectAsync(_stopping.Token);
                await JoinAndReadAsync();
            }
            catch (CampfireException e)
            {
                // A connect says what it met; a join and a stream go on until there is no way to.
                if (!server.Allows(e.Code) && !(e.IsTransient && e.Message.StartsWith("No connection to", StringComparison.Ordinal)))
                    Complain($"Ended by {e.Code}, which nothing led to: {e}");
            }
            catch (Exception e) when (_stopping.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (Exception e)
            {
                Complain($"Ended by an unexpected {e}");
            }

            await Task.Delay(TimeSpan.FromSeconds(1), time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task JoinAndReadAsync()
    {
        await using Conversation conversation = await client.JoinConversationAsync(
            server.Database.OrganizationId, server.Database.ConversationId, _position, _stopping.Token);
        _position ??= conversation.Position;
        if (_at != 0 && _at - _position is not (0 or 1))
            Complain($"The position is {_position} where {_at} was heard last.");
        Volatile.Write(ref _at, _position.Value);
        _conversation = conversation;
        try
        {
            await foreach (ConversationEvent e in conversation.ReadEventsAsync())
            {
                Hear(e);
                if (!_isReading)
                    await _mayRead.WaitAsync();
            }

            if (_left != conversation && !_stopping.IsCancellationRequested)
                Complain("The stream ended without a word.");
        }
        finally
        {
            _conversation = null;
            _position = conversation.Position;
        }
    }

    private void Hear(ConversationEvent e)
    {
        if (e is HistoryGap gap)
        {
            if (gap.First != _at + 1 || gap.Last < gap.First)
                Complain($"A gap {gap.First}-{gap.Last} behind {_at}.");
            for (long sequence = gap.First; sequence <= Math.Min(gap.Last, gap.First + 10_000); sequence++)
            {
                if (!Deleted.Contains(sequence))
                    Complain($"Event {sequence} was given up though the log has it.");
            }

            Volatile.Write(ref _at, gap.Last);
        }
        else if (e is StoredEvent stored)
        {
            if (stored.Sequence != _at + 1)
                Complain($"Event {stored.Sequence} where {_at + 1} is due.");
            else if ((stored as MessageCreated)?.Content != server.Database.Contents[(int)stored.Sequence - 1])
                Complain($"Event {stored.Sequence} is not what was stored.");
            Volatile.Write(ref _at, stored.Sequence);
        }
    }

    private Task SendAsync(Conversation conversation, string content) => CallAsync(async () =>
    {
        SentMessage sent = await conversation.SendMessageAsync(content);
        if (server.Database.Contents[(int)sent.Sequence - 1] != content)
            Complain($"'{content}' is said to be {sent.Sequence}, and is not.");
    });

    private async Task CallAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (CampfireException e) when (e.IsTransient || server.Allows(e.Code))
        {
            // An outcome.
        }
        catch (ObjectDisposedException)
        {
            // Left meanwhile.
        }
        catch (Exception e)
        {
            Complain($"A call ended by {e}");
        }
    }

    private void Complain(string complaint) => _complaint ??= complaint;
}
