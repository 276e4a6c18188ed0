using Campfire.Realtime.Delivery;

namespace Campfire.Realtime.Outbox;

/// <summary>A message from the outbox on its way, which may be withdrawn.</summary>
internal sealed class OutboxDelivery(OutboxMessage item, ConversationOrder.Turn turn) : IDisposable
{
    // Not disposed: it may be withdrawn at any time, and without a timer or a link there is nothing to free.
    private readonly CancellationTokenSource _withdrawing = new();
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OutboxMessage Item => item;

    public ConversationOrder.Turn Turn => turn;

    /// <summary>Ends the waiting for a turn and between attempts, but no request.</summary>
    public CancellationToken Withdrawing => _withdrawing.Token;

    /// <summary>Completes when its outcome is known and the message out of the outbox. Cancelled when the client was disposed before.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Asks for the withdrawal, and tells whether it came to it. Cancelled when the client was disposed before either was known.</summary>
    public async Task<bool> WithdrawAsync(CancellationToken cancellationToken)
    {
        await _withdrawing.CancelAsync().ConfigureAwait(false);
        return await _ended.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void End(bool isWithdrawn) => _ended.TrySetResult(isWithdrawn);

    /// <summary>Ends it without an outcome unless it has one.</summary>
    public void Dispose() => _ended.TrySetCanceled();
}
