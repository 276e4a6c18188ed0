using Campfire.Realtime.Protocol;

namespace Campfire.Realtime;

/// <summary>Says that a part of a conversation's log can not be read, once for each such part.</summary>
/// <remarks>
/// The events after it follow in order. It happens only where rows of <c>conversation_events</c> were deleted, or were written by hand and
/// cannot be read.
/// </remarks>
public sealed record HistoryGap : ConversationEvent
{
    internal HistoryGap(Guid conversationId, long first, long last)
    {
        ConversationId = conversationId;
        First = first;
        Last = last;
    }

    /// <summary>Gets the first missing sequence.</summary>
    public long First { get; }

    /// <summary>Gets the last missing sequence.</summary>
    public long Last { get; }
}
