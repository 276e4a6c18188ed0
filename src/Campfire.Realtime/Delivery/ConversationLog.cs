using System.Runtime.InteropServices;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Delivery;

internal sealed record LogPage(IReadOnlyList<StoredEvent> Events, long LastSequence, bool HasMore);

/// <summary>Reads a conversation's log in the database, again and again while the failure is transient.</summary>
internal sealed partial class ConversationLog(Guid conversationId, RpcClient rpc, CampfireClientOptions options, Backoff backoff, ILogger logger)
{
    private const int PageSize = 500;

    public Guid ConversationId => conversationId;

    public async Task<long> ReadLastSequenceAsync(CancellationToken cancellationToken) =>
        (await ReadAsync(long.MaxValue, 1, cancellationToken).ConfigureAwait(false)).LastSequence;

    public Task<LogPage> ReadAfterAsync(long sequence, CancellationToken cancellationToken) => ReadAsync(sequence, PageSize, cancellationToken);

    private async Task<LogPage> ReadAsync(long after, int limit, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                EventsPage page = await rpc.CallAsync(
                    "campfire_events", new EventsArguments(conversationId, after, limit),
                    RpcJsonContext.Default.EventsArguments, RpcJsonContext.Default.EventsPage, cancellationToken).ConfigureAwait(false);
                return new LogPage(Parse(page), page.LastSequence, page.HasMore);
            }
            catch (CampfireException e) when (e.IsTransient)
            {
                TimeSpan delay = backoff.Next(attempt);
                LogReadFailed(conversationId, e.Code, attempt, delay);
                await Task.Delay(delay, options.TimeProvider, cancellationToken).ConfigureAwait(false);
            }
        }
    }

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
