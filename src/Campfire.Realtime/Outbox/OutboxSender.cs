using System.Diagnostics;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Delivery;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Streams;
using Campfire.Realtime.Tokens;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.Retry;

namespace Campfire.Realtime.Outbox;

/// <summary>Takes messages into the outbox, and sends what is in it for as long as it takes: per conversation in order, several conversations at once.</summary>
internal sealed partial class OutboxSender : IAsyncDisposable
{
    private const int MaxRequests = 4;
    private const int MaxResults = 1024;

    private readonly IOutbox _outbox;
    private readonly MessageStore _store;
    private readonly ConversationOrder _order;
    private readonly AccessTokenSource _tokens;
    private readonly Backoff _backoff;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _pipeline;
    private readonly SingleReaderStream<SendResult> _results;
    private readonly SemaphoreSlim _intake = new(1, 1);
    private readonly SemaphoreSlim _requests = new(MaxRequests, MaxRequests);
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private int _running;
    private bool _isStopped;
    private bool _isLoaded;

    public OutboxSender(
        IOutbox outbox, MessageStore store, ConversationOrder order, AccessTokenSource tokens, Backoff backoff, TimeProvider time, ILogger logger)
    {
        _outbox = outbox;
        _store = store;
        _order = order;
        _tokens = tokens;
        _backoff = backoff;
        _time = time;
        _logger = logger;
        _results = new SingleReaderStream<SendResult>(MaxResults, System.Threading.Channels.BoundedChannelFullMode.DropOldest, result => LogResultDropped(result.MessageId));
        _pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = arguments => ValueTask.FromResult(
                    arguments.Outcome.Exception is { } e && !IsRefusal(e) && !(e is OperationCanceledException && _stopping.IsCancellationRequested)),
                DelayGenerator = arguments => ValueTask.FromResult<TimeSpan?>(backoff.Next(arguments.AttemptNumber + 1)),
            })
            .Build();
    }

    public StoredWatchers Stored { get; } = new();

    public IAsyncEnumerable<SendResult> ReadResultsAsync(CancellationToken cancellationToken) => _results.ReadAsync(cancellationToken);

    /// <summary>Begins to send. Calling it again does nothing.</summary>
    public void Start()
    {
        if (_started.TrySetResult())
            Run(LoadInTimeAsync);
    }

    public async Task EnqueueAsync(Guid conversationId, OutgoingMessage message, CancellationToken cancellationToken)
    {
        await _intake.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await LoadAsync(cancellationToken).ConfigureAwait(false);
            ThrowIfNotOwner();
            var item = new OutboxMessage(conversationId, message);
            if (await _outbox.AddAsync(item, cancellationToken).ConfigureAwait(false))
                Deliver(item);
        }
        finally
        {
            _intake.Release();
        }
    }

    /// <summary>Takes a turn behind all that was enqueued before.</summary>
    public async ValueTask<ConversationOrder.Turn> TakeTurnAsync(Guid conversationId, CancellationToken cancellationToken)
    {
        // Waiters are released in the order of their arrival, which keeps the order of the calls.
        await _intake.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await LoadAsync(cancellationToken).ConfigureAwait(false);
            ThrowIfNotOwner();
            return _order.Take(conversationId);
        }
        finally
        {
            _intake.Release();
        }
    }

    /// <summary>Stops sending. What is on its way stays in the outbox unless it is known to be stored.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        lock (_gate)
        {
            _isStopped = true;
            if (_running == 0)
                _idle.TrySetResult();
        }

        await _idle.Task.ConfigureAwait(false);
        _results.Complete();
    }

    /// <summary>What the database has judged, and would judge the same way again. All else is waited for: it says nothing of the message.</summary>
    private static bool IsRefusal(Exception e) => e is CampfireException { IsVerdict: true, IsTransient: false };

    /// <summary>What earlier runs left behind goes before everything new.</summary>
    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (_isLoaded)
            return;

        IReadOnlyList<OutboxMessage> pending = await _outbox.ReadAsync(cancellationToken).ConfigureAwait(false);
        _isLoaded = true;
        if (pending.Count > 0)
            LogPending(pending.Count);
        foreach (OutboxMessage item in pending)
            Deliver(item);
    }

    private async Task LoadInTimeAsync()
    {
        for (int attempt = 1; ; attempt++)
        {
            await _intake.WaitAsync(_stopping.Token).ConfigureAwait(false);
            try
            {
                await LoadAsync(_stopping.Token).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                LogUnreadable(e, attempt);
            }
            finally
            {
                _intake.Release();
            }

            await Task.Delay(_backoff.Next(attempt), _time, _stopping.Token).ConfigureAwait(false);
        }
    }

    private void Deliver(OutboxMessage item)
    {
        ConversationOrder.Turn turn = _order.Take(item.ConversationId);
        if (!Run(() => DeliverAsync(item, turn)))
            turn.Dispose();
    }

    /// <summary>Runs until it ends or the client is disposed, which waits for it.</summary>
    private bool Run(Func<Task> work)
    {
        lock (_gate)
        {
            if (_isStopped)
                return false;
            _running++;
        }

        // Not within the call that enqueues: it waits for the outbox only.
        _ = Background.Run(() => RunToEndAsync(work));
        return true;
    }

    private async Task RunToEndAsync(Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Disposed: what was not sent is in the outbox.
        }
        catch (Exception e)
        {
            LogEnded(e);
        }
        finally
        {
            lock (_gate)
            {
                if (--_running == 0 && _isStopped)
                    _idle.TrySetResult();
            }
        }
    }

    private async Task DeliverAsync(OutboxMessage item, ConversationOrder.Turn turn)
    {
        using (turn)
        {
            await _started.Task.WaitAsync(_stopping.Token).ConfigureAwait(false);
            await turn.WaitAsync(_stopping.Token).ConfigureAwait(false);
            using Activity? activity = Instruments.StartSend();
            long began = _time.GetTimestamp();
            SendResult result = await SendAsync(item).ConfigureAwait(false);
            Instruments.SendEnded(activity, _time.GetElapsedTime(began), result.Error?.Code);

            // What is stored keeps its place whatever becomes of the outbox. After a refusal nothing may follow until it is final: the next
            // run of the program would send the message again, and perhaps with success.
            if (result.Message is { } stored)
            {
                Stored.Announce(item.ConversationId, stored.Sequence);
                turn.Dispose();
            }

            // Only now: a crash before it sends the message again, and the identifier makes that harmless. And told only when it is true.
            await RemoveAsync(item.Message.Id).ConfigureAwait(false);
            _results.TryWrite(result);
        }
    }

    private async Task<SendResult> SendAsync(OutboxMessage item)
    {
        int attempt = 0;
        bool isWrongUserTold = false;
        try
        {
            SentMessage sent = await _pipeline.ExecuteAsync(
                async token =>
                {
                    attempt++;
                    try
                    {
                        return await StoreAsync(item, token).ConfigureAwait(false);
                    }
                    catch (Exception e) when (!IsRefusal(e) && !token.IsCancellationRequested)
                    {
                        LogFailure(item, e, attempt);
                        if (e is CampfireException { Code: CampfireErrorCode.WrongUser } wrongUser && !isWrongUserTold)
                        {
                            isWrongUserTold = true;
                            _results.TryWrite(new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Unknown, Error: wrongUser));
                        }

                        throw;
                    }
                },
                _stopping.Token).ConfigureAwait(false);
            return new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Stored, sent);
        }
        catch (CampfireException e) when (IsRefusal(e))
        {
            LogRefused(item.Message.Id, item.ConversationId, e.Code);
            return new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Refused, Error: e);
        }
        catch (Exception e) when (_stopping.IsCancellationRequested && e is not OperationCanceledException)
        {
            // Polly ends a cancelled retry with the last failure, which says nothing of the message.
            throw new OperationCanceledException("The client was disposed.", e, _stopping.Token);
        }
    }

    private async Task<SentMessage> StoreAsync(OutboxMessage item, CancellationToken cancellationToken)
    {
        // Held for one request only, so that a conversation that waits does not hold up the others.
        await _requests.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await _store.StoreAsync(item.ConversationId, item.Message, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _requests.Release();
        }
    }

    private async Task RemoveAsync(Guid messageId)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                await _outbox.RemoveAsync(messageId, _stopping.Token).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (!_stopping.IsCancellationRequested)
            {
                LogNotRemoved(e, messageId, attempt);
            }

            await Task.Delay(_backoff.Next(attempt), _time, _stopping.Token).ConfigureAwait(false);
        }
    }

    private void ThrowIfNotOwner()
    {
        if (_tokens.Current is { } token && token.Claims.Subject != _outbox.Owner)
        {
            throw new CampfireException(
                CampfireErrorCode.WrongUser, "The outbox belongs to another user than the access token. Open an outbox for each user: its Owner is the subject (sub) of the tokens.");
        }
    }

    private void LogFailure(OutboxMessage item, Exception e, int attempt)
    {
        if (e is not CampfireException campfire)
            LogUnexpected(e, item.ConversationId, attempt);
        else if (campfire.IsTransient)
            LogRetry(item.ConversationId, campfire.Code, attempt);
        else
            LogWaits(item.ConversationId, campfire.Code, attempt, campfire.Message);
    }

    [LoggerMessage(1430, LogLevel.Information, "{Count} messages of an earlier run are in the outbox")]
    private partial void LogPending(int count);

    [LoggerMessage(1431, LogLevel.Warning, "Storing a message from the outbox in {ConversationId} failed ({Code}), attempt {Attempt}")]
    private partial void LogRetry(Guid conversationId, CampfireErrorCode code, int attempt);

    [LoggerMessage(1432, LogLevel.Warning, "The outbox waits with the messages of {ConversationId} ({Code}), attempt {Attempt}: {Reason}")]
    private partial void LogWaits(Guid conversationId, CampfireErrorCode code, int attempt, string reason);

    [LoggerMessage(1433, LogLevel.Error, "Storing a message from the outbox in {ConversationId} failed unexpectedly, attempt {Attempt}")]
    private partial void LogUnexpected(Exception e, Guid conversationId, int attempt);

    [LoggerMessage(1434, LogLevel.Warning, "Message {MessageId} from the outbox was refused by {ConversationId} ({Code}) and dropped")]
    private partial void LogRefused(Guid messageId, Guid conversationId, CampfireErrorCode code);

    [LoggerMessage(1435, LogLevel.Error, "Message {MessageId} is done but could not be removed from the outbox, attempt {Attempt}; its result is told when it is removed")]
    private partial void LogNotRemoved(Exception e, Guid messageId, int attempt);

    [LoggerMessage(1436, LogLevel.Error, "The outbox could not be read, attempt {Attempt}")]
    private partial void LogUnreadable(Exception e, int attempt);

    [LoggerMessage(1437, LogLevel.Warning, "Nobody reads the results of the outbox; the one of message {MessageId} was dropped")]
    private partial void LogResultDropped(Guid messageId);

    [LoggerMessage(1438, LogLevel.Error, "The outbox failed while the client was disposed; what it still holds is sent by the next run")]
    private partial void LogEnded(Exception e);
}
