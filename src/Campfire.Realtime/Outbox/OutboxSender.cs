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
    private readonly Dictionary<Guid, OutboxDelivery> _deliveries = [];
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
                    arguments.Outcome.Exception is { } e && !IsRefusal(e) && !(e is OperationCanceledException && arguments.Context.CancellationToken.IsCancellationRequested)),
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
        await WaitForWithdrawalAsync(message.Id, cancellationToken).ConfigureAwait(false);
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

    /// <summary>Takes a message out of the outbox unless it is stored or refused; a request of it that is under way decides first.</summary>
    public async Task<bool> WithdrawAsync(Guid messageId, CancellationToken cancellationToken)
    {
        OutboxDelivery? delivery;
        await _intake.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await LoadAsync(cancellationToken).ConfigureAwait(false);
            lock (_gate)
                delivery = _deliveries.GetValueOrDefault(messageId);
        }
        finally
        {
            _intake.Release();
        }

        try
        {
            if (delivery is not null)
                return await delivery.WithdrawAsync(cancellationToken).ConfigureAwait(false);

            // A client that is disposed delivers nothing, whatever the outbox holds.
            _stopping.Token.ThrowIfCancellationRequested();
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ObjectDisposedException(nameof(CampfireClient), $"The client was disposed before message {messageId} was withdrawn. It may still be in the outbox.");
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

    /// <summary>What is being withdrawn is in the outbox until it is removed, which would take the same message for accepted.</summary>
    private async Task WaitForWithdrawalAsync(Guid messageId, CancellationToken cancellationToken)
    {
        OutboxDelivery? delivery;
        lock (_gate)
            delivery = _deliveries.GetValueOrDefault(messageId);
        if (delivery is { Withdrawing.IsCancellationRequested: true })
            await delivery.Ended.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

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
        var delivery = new OutboxDelivery(item, _order.Take(item.ConversationId));
        lock (_gate)
            _deliveries[item.Message.Id] = delivery;
        if (!Run(() => DeliverToEndAsync(delivery)))
            Forget(delivery);
    }

    private async Task DeliverToEndAsync(OutboxDelivery delivery)
    {
        try
        {
            await DeliverAsync(delivery).ConfigureAwait(false);
        }
        finally
        {
            Forget(delivery);
        }
    }

    private void Forget(OutboxDelivery delivery)
    {
        lock (_gate)
        {
            // Another one may have been enqueued with the identifier since this one was removed.
            if (_deliveries.GetValueOrDefault(delivery.Item.Message.Id) == delivery)
                _deliveries.Remove(delivery.Item.Message.Id);
        }

        // What waits for the next client keeps its turn: nothing may overtake it while this one ends.
        if (!_stopping.IsCancellationRequested)
            delivery.Turn.Dispose();
        delivery.Dispose();
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

    private async Task DeliverAsync(OutboxDelivery delivery)
    {
        OutboxMessage item = delivery.Item;
        SendResult? result = await SendOrWithdrawAsync(delivery).ConfigureAwait(false);

        // What is stored keeps its place whatever becomes of the outbox. After a refusal nothing may follow until it is final: the next run of
        // the program would send the message again, and perhaps with success.
        if (result?.Message is { } stored)
        {
            Stored.Announce(item.ConversationId, stored.Sequence);
            delivery.Turn.Dispose();
        }

        // Only now: a crash before it sends the message again, and the identifier makes that harmless. And told only when it is true.
        await RemoveAsync(item.Message.Id).ConfigureAwait(false);
        delivery.End(isWithdrawn: result is null);
        if (result is not null)
            _results.TryWrite(result);
        else
            LogWithdrawn(item.Message.Id, item.ConversationId);
    }

    /// <returns>Null when the message was withdrawn.</returns>
    private async Task<SendResult?> SendOrWithdrawAsync(OutboxDelivery delivery)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, delivery.Withdrawing);
        try
        {
            await _started.Task.WaitAsync(waiting.Token).ConfigureAwait(false);
            await delivery.Turn.WaitAsync(waiting.Token).ConfigureAwait(false);
            using Activity? activity = Instruments.StartSend();
            long began = _time.GetTimestamp();
            SendResult result = await SendAsync(delivery.Item, waiting.Token).ConfigureAwait(false);
            Instruments.SendEnded(activity, _time.GetElapsedTime(began), result.Error?.Code);
            return result;
        }
        catch (OperationCanceledException) when (delivery.Withdrawing.IsCancellationRequested && !_stopping.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<SendResult> SendAsync(OutboxMessage item, CancellationToken waiting)
    {
        int attempt = 0;
        HashSet<CampfireErrorCode> told = [];
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
                        if (e is CampfireException { IsTransient: false } reason && told.Add(reason.Code))
                            _results.TryWrite(new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Waiting, Error: reason));
                        throw;
                    }
                },
                waiting).ConfigureAwait(false);
            return new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Stored, sent);
        }
        catch (CampfireException e) when (IsRefusal(e))
        {
            LogRefused(item.Message.Id, item.ConversationId, e.Code);
            return new SendResult(item.Message.Id, item.ConversationId, SendOutcome.Refused, Error: e);
        }
        catch (Exception e) when (waiting.IsCancellationRequested && e is not OperationCanceledException)
        {
            // Polly ends a cancelled retry with the last failure, which says nothing of the message.
            throw new OperationCanceledException("The client was disposed, or the message withdrawn.", e, waiting);
        }
    }

    private async Task<SentMessage> StoreAsync(OutboxMessage item, CancellationToken waiting)
    {
        // Held for one request only, so that a conversation that waits does not hold up the others.
        await _requests.WaitAsync(waiting).ConfigureAwait(false);
        try
        {
            // Withdrawing does not cut a request: nobody would know what became of the message.
            return await _store.StoreAsync(item.ConversationId, item.Message, _stopping.Token).ConfigureAwait(false);
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
}
