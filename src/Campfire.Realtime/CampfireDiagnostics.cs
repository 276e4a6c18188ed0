namespace Campfire.Realtime;

/// <summary>The names of what the client tells about itself.</summary>
/// <remarks>
/// Traces: <c>builder.AddSource(CampfireDiagnostics.Name)</c>; metrics: <c>builder.AddMeter(CampfireDiagnostics.Name)</c>. What each of
/// them means is listed in <c>docs/diagnostics.md</c>. Nothing here ever carries a token, a key, an identifier of a person or a text.
/// </remarks>
public static class CampfireDiagnostics
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Campfire.Realtime";

    /// <summary>Counter {attempt}: attempts to connect a socket, by <see cref="Outcome"/>.</summary>
    public const string Connects = "campfire.client.connects";

    /// <summary>Counter {connection}: connections that were lost, by <see cref="Reason"/>.</summary>
    public const string Losses = "campfire.client.connection.losses";

    /// <summary>Up-down counter {connection}: sockets that are connected now.</summary>
    public const string Connections = "campfire.client.connections";

    /// <summary>Counter {join}: answers to joins, by <see cref="Channel"/> and <see cref="Outcome"/>.</summary>
    public const string Joins = "campfire.client.joins";

    /// <summary>Up-down counter {channel}: channels that are joined now, by <see cref="Channel"/>.</summary>
    public const string Channels = "campfire.client.channels";

    /// <summary>Counter {event}: stored events accepted for readers' streams, each once, by <see cref="Event"/> and <see cref="Source"/>.</summary>
    public const string Events = "campfire.client.events";

    /// <summary>Histogram s: from the moment that the database stored a message to the moment that its reader took it, by <see cref="Source"/>. Two clocks are compared.</summary>
    public const string EventDelay = "campfire.client.event.delay";

    /// <summary>Counter {event}: live events that had been there before and were dropped.</summary>
    public const string Duplicates = "campfire.client.events.duplicates";

    /// <summary>Counter {gap}: holes in the live events for which the log was read.</summary>
    public const string Gaps = "campfire.client.gaps";

    /// <summary>Counter {event}: events that no longer are in the log, told to the reader as <see cref="HistoryGap"/>.</summary>
    public const string LostHistory = "campfire.client.history.lost";

    /// <summary>Histogram s: from the call to the answer of the database, by <see cref="Outcome"/>.</summary>
    public const string SendDuration = "campfire.client.send.duration";

    /// <summary>Counter {notice}: typing notices that gave way to messages.</summary>
    public const string TypingDropped = "campfire.client.typing.dropped";

    /// <summary>Counter {violation}: what the server sent and should not have, by <see cref="Kind"/>.</summary>
    public const string Violations = "campfire.client.violations";

    /// <summary>The activity of one attempt to connect.</summary>
    public const string ConnectActivity = "campfire connect";

    /// <summary>The activity of one join of a channel.</summary>
    public const string JoinActivity = "campfire join";

    /// <summary>The activity of sending one message, with all its attempts.</summary>
    public const string SendActivity = "campfire send";

    /// <summary>The activity of reading a page of a conversation's log, with all attempts.</summary>
    public const string ReadActivity = "campfire read";

    /// <summary>Tag: <c>ok</c>, or a <see cref="CampfireErrorCode"/>.</summary>
    public const string Outcome = "campfire.outcome";

    /// <summary>Tag: why a connection ended: <c>closed</c>, <c>silent</c> or <c>broken</c>.</summary>
    public const string Reason = "campfire.reason";

    /// <summary>Tag: a <see cref="Protocol.ChannelKind"/>.</summary>
    public const string Channel = "campfire.channel";

    /// <summary>Tag: an event's name; <c>other</c> for those that are not of the standard.</summary>
    public const string Event = "campfire.event";

    /// <summary>Tag: how an event came: <c>live</c>, <c>recovered</c> or <c>polled</c>.</summary>
    public const string Source = "campfire.source";

    /// <summary>Tag: what kind of violation.</summary>
    public const string Kind = "campfire.kind";

    /// <summary>Tag: how many events a page of the log brought.</summary>
    public const string Count = "campfire.count";
}
