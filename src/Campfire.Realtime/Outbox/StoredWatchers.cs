namespace Campfire.Realtime.Outbox;

/// <summary>Tells joined conversations which sequence a message from the outbox got.</summary>
internal sealed class StoredWatchers
{
    private readonly Lock _gate = new();
    private readonly List<(Guid ConversationId, Action<long> Announce)> _watchers = [];

    public void Add(Guid conversationId, Action<long> announce)
    {
        lock (_gate)
            _watchers.Add((conversationId, announce));
    }

    public void Remove(Guid conversationId, Action<long> announce)
    {
        lock (_gate)
            _watchers.Remove((conversationId, announce));
    }

    public void Announce(Guid conversationId, long sequence)
    {
        lock (_gate)
        {
            foreach ((Guid id, Action<long> announce) in _watchers)
            {
                if (id == conversationId)
                    announce(sequence);
            }
        }
    }
}
