namespace Campfire.Realtime.Delivery;

/// <summary>Lets the messages of one conversation through one after the other, in the order in which they took their turns.</summary>
internal sealed class ConversationOrder
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Turn> _last = [];

    /// <summary>Takes the next turn. To be disposed, also when it is not awaited: it holds up all later ones.</summary>
    public Turn Take(Guid conversationId)
    {
        lock (_gate)
        {
            Task before = _last.TryGetValue(conversationId, out Turn? last) ? last.Ended : Task.CompletedTask;
            return _last[conversationId] = new Turn(this, conversationId, before);
        }
    }

    public sealed class Turn(ConversationOrder order, Guid conversationId, Task before) : IDisposable
    {
        private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Ended => _ended.Task;

        public Task WaitAsync(CancellationToken cancellationToken) => before.WaitAsync(cancellationToken);

        public void Dispose()
        {
            // Who gave up waiting must not let later ones overtake those before it.
            if (before.IsCompleted)
                End();
            else
                _ = before.ContinueWith(_ => End(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        private void End()
        {
            lock (order._gate)
            {
                if (order._last.GetValueOrDefault(conversationId) == this)
                    order._last.Remove(conversationId);
            }

            _ended.TrySetResult();
        }
    }
}
