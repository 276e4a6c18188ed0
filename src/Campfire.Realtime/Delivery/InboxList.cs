using System.Diagnostics.CodeAnalysis;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Delivery;

/// <summary>The conversations that changed last, each in its newest known version, and which of them the reader has not seen. Not thread-safe.</summary>
/// <remarks>
/// A version and the time of its change rise together, so one mark, the place of the newest conversation that fell out, tells old news
/// from new ones: what lies at or below it and is not in the list has been in it, or was never due.
/// </remarks>
internal sealed class InboxList(int limit)
{
    private readonly Dictionary<Guid, ConversationSummary> _known = [];
    private readonly SortedSet<InboxPlace> _places = [];
    private readonly Dictionary<Guid, LinkedListNode<ConversationSummary>> _unseen = [];
    private readonly LinkedList<ConversationSummary> _unseenInOrder = new();
    private InboxPlace? _floor;

    /// <summary>Whether there are conversations that changed before all of these.</summary>
    public bool HasMore => _floor is not null;

    /// <summary>Ends the list at a place: what lies below it has no room here, or is not known well enough any more.</summary>
    public void CutOffAt(InboxPlace place)
    {
        if (_floor is not { } floor || floor.CompareTo(place) < 0)
            _floor = place;
        while (_places.Count > 0 && _places.Min is { } oldest && oldest.CompareTo(place) < 0)
            Drop(oldest);
    }

    /// <summary>Takes a version of a conversation.</summary>
    /// <returns>Whether it is newer than what was known, and new enough to be listed.</returns>
    public bool Offer(ConversationSummary conversation, bool isChange)
    {
        var place = new InboxPlace(conversation.UpdatedAt, conversation.Id);
        if (_known.TryGetValue(conversation.Id, out ConversationSummary? known))
        {
            if (known.Version >= conversation.Version)
                return false;

            _places.Remove(new InboxPlace(known.UpdatedAt, known.Id));
        }
        else if (_floor is { } floor && place.CompareTo(floor) <= 0)
        {
            return false;
        }

        _known[conversation.Id] = conversation;
        _places.Add(place);
        if (_unseen.TryGetValue(conversation.Id, out LinkedListNode<ConversationSummary>? waiting))
            waiting.Value = conversation;
        else if (isChange)
            _unseen[conversation.Id] = _unseenInOrder.AddLast(conversation);

        if (_known.Count > limit)
        {
            InboxPlace oldest = _places.Min;
            Drop(oldest);
            CutOffAt(oldest);
        }

        return _known.ContainsKey(conversation.Id);
    }

    /// <summary>Takes the change that has waited longest for the reader.</summary>
    public bool TryTakeChange([NotNullWhen(true)] out ConversationSummary? change)
    {
        change = _unseenInOrder.First?.Value;
        if (change is null)
            return false;

        Forget(change.Id);
        return true;
    }

    public List<ConversationSummary> ToList() => [.. _places.Reverse().Select(place => _known[place.Id])];

    private void Drop(InboxPlace place)
    {
        _places.Remove(place);
        _known.Remove(place.Id);
        Forget(place.Id);
    }

    private void Forget(Guid id)
    {
        if (_unseen.Remove(id, out LinkedListNode<ConversationSummary>? node))
            _unseenInOrder.Remove(node);
    }
}
