using System.Diagnostics;
using System.Runtime.InteropServices;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Diagnostics;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

/// <summary>A part of a log, in order.</summary>
/// <param name="Events">What could be read of it.</param>
/// <param name="Through">The last sequence that the page covers.</param>
/// <param name="LastSequence">The last sequence of the whole log.</param>
internal sealed record LogPage(IReadOnlyList<StoredEvent> Events, long Through, long LastSequence)
{
    public bool HasMore => Through < LastSequence;
}

/// <summary>Reads a conversation's log in the database, again and again while the failure is transient.</summary>
internal sealed partial class ConversationLog(Guid conversationId, RpcClient rpc, CampfireClientOptions options, Backoff backoff, ILogger logger)
{
    private const int PageSize = 500;

    private readonly PersistentReader _reader = new(options, backoff);

    public Guid ConversationId => conversationId;

    /// <summary>Reads where the log ends, for a join: who may not read it, or reads it in a wrong way, is told at once.</summary>
    public async Task<long> ReadLastSequenceAsync(CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return (await ReadAsync(long.MaxValue, 1, cancellationToken).ConfigureAwait(false)).LastSequence;
            }
            catch (CampfireException e) when (e.IsTransient)
            {
                TimeSpan delay = backoff.Next(attempt);
                LogReadFailed(conversationId, e.Code, attempt, delay);
                await Task.Delay(delay, options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <param name="sequence">The page begins behind it.</param>
    /// <param name="leastRetryDelay">How long to wait at least after a failure.</param>
    /// <param name="cancellationToken">Ends the trying.</param>
    public async Task<LogPage> ReadAfterAsync(long sequence, Func<TimeSpan> leastRetryDelay, CancellationToken cancellationToken)
    {
        using Activity? activity = Instruments.StartRead();
        EventsPage page = await _reader.ReadAsync(
            token => ReadAsync(sequence, PageSize, token),
            (e, attempt, delay) => LogReadFailed(conversationId, e.Code, attempt, delay),
            leastRetryDelay,
            cancellationToken).ConfigureAwait(false);
        List<StoredEvent> events = Parse(page);
        activity?.SetTag(CampfireDiagnostics.Count, events.Count);
        if (!page.HasMore || page.Events.Count == 0)
            return new LogPage(events, page.LastSequence, page.LastSequence);

        // Rows that cannot be read still took a sequence each, so a page always leads further.
        long through = Math.Max(events.Count > 0 ? events[^1].Sequence : 0, sequence + page.Events.Count);
        return new LogPage(events, Math.Min(through, page.LastSequence), page.LastSequence);
    }

    private Task<EventsPage> ReadAsync(long after, int limit, CancellationToken cancellationToken) => rpc.CallAsync(
        "campfire_events", new EventsArguments(conversationId, after, limit),
        RpcJsonContext.Default.EventsArguments, RpcJsonContext.Default.EventsPage, cancellationToken);

    private List<StoredEvent> Parse(EventsPage page)
    {
        var events = new List<StoredEvent>(page.Events.Count);
        foreach (LoggedEvent logged in page.Events)
        {
            if (PayloadReader.TryReadConversationEvent(logged.Event, JsonMarshal.GetRawUtf8Value(logged.Payload), out ConversationEvent? e, out string? error)
                && e is StoredEvent stored)
                events.Add(stored is UnknownStoredEvent unknown ? unknown with { ConversationId = conversationId } : stored);
            else
                LogUnreadableEvent(conversationId, logged.Event, error ?? "no stored event");
        }

        return events;
    }

    [LoggerMessage(1400, LogLevel.Warning, "Reading the log of {ConversationId} failed ({Code}), attempt {Attempt}; again in {Delay}")]
    private partial void LogReadFailed(Guid conversationId, CampfireErrorCode code, int attempt, TimeSpan delay);

    [LoggerMessage(1401, LogLevel.Error, "The log of {ConversationId} holds an unreadable {Event}: {Error}")]
    private partial void LogUnreadableEvent(Guid conversationId, string @event, string error);
}
