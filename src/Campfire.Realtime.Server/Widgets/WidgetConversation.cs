using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Json;
using Campfire.Realtime.Rest;
using Campfire.Realtime.Server.Http;
using Campfire.Realtime.Server.Supabase;
using Campfire.Realtime.Server.Tokens;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Widgets;

/// <summary>What a visitor does in his conversation. The database checks the content and derives the sender from the visitor's own token.</summary>
internal sealed partial class WidgetConversation(
    SupabaseRpc rpc, ICampfirePublisher publisher, TimeProvider time, ILogger<WidgetConversation> logger)
{
    private const int MaxNameLength = 200;

    private static RpcJsonContext Types => RpcJsonContext.Default;

    public async Task<WidgetMessage> SendMessageAsync(VisitorIdentity visitor, WidgetMessageRequest request, CancellationToken cancellationToken)
    {
        if (request.Content is null && request.Attachments is null or [])
            throw ProblemException.Malformed("The field content is missing. Send the message's text.");
        if (request.Id == Guid.Empty)
            throw ProblemException.Invalid("The field id is the nil UUID. Choose a UUID of version 7, or leave it out.");
        if (request.Metadata is { ValueKind: not (JsonValueKind.Object or JsonValueKind.Null) })
            throw ProblemException.Malformed("The field metadata is not a JSON object.");

        var arguments = new SendMessageArguments(
            visitor.ConversationId,
            request.Id ?? Guid.CreateVersion7(time.GetUtcNow()),
            request.Content ?? "",
            request.Attachments,
            request.Metadata is { ValueKind: JsonValueKind.Object } metadata ? metadata : null);
        MessageCreated message = await rpc.CallAsAsync(
            visitor, "campfire_send_message", arguments, Types.SendMessageArguments, Types.MessageCreated, cancellationToken).ConfigureAwait(false);
        return WidgetMessage.Of(message);
    }

    public async Task<WidgetMessagesResponse> GetMessagesAsync(VisitorIdentity visitor, MessagesQuery query, CancellationToken cancellationToken) =>
        query.After is { } after
            ? await GetMessagesAfterAsync(visitor, after, query.Limit, cancellationToken).ConfigureAwait(false)
            : await GetMessagesBeforeAsync(visitor, query.Before, query.Limit, cancellationToken).ConfigureAwait(false);

    public Task<ReadReceipt> MarkAsync(VisitorIdentity visitor, WidgetReadRequest request, CancellationToken cancellationToken)
    {
        if (request is { ReadThrough: null, DeliveredThrough: null })
            throw ProblemException.Malformed("The field readThrough is missing. Send the sequence up to which the visitor has read.");
        if (request.ReadThrough < 0 || request.DeliveredThrough < 0)
            throw ProblemException.Invalid("The fields readThrough and deliveredThrough are sequences, that is whole numbers from 0.");

        var arguments = new MarkArguments(visitor.ConversationId, request.DeliveredThrough, request.ReadThrough);
        return rpc.CallAsAsync(visitor, "campfire_mark", arguments, Types.MarkArguments, Types.ReadReceipt, cancellationToken);
    }

    public Task SendTypingAsync(VisitorIdentity visitor, WidgetTypingRequest request, CancellationToken cancellationToken)
    {
        if (request.IsTyping is not { } isTyping)
            throw ProblemException.Malformed("The field isTyping is missing. Send true or false.");
        if (request.Name?.Length > MaxNameLength)
            throw ProblemException.Invalid($"The field name has at most {MaxNameLength} characters.");

        var notice = new TypingNotice
        {
            ConversationId = visitor.ConversationId,
            SenderType = SenderType.Visitor,
            SenderId = visitor.VisitorId.ToString(),
            SenderName = request.Name,
        };
        return publisher.PublishAsync(
            ChannelName.ConversationTyping(visitor.OrganizationId, visitor.ConversationId),
            isTyping ? EventNames.TypingStart : EventNames.TypingStop,
            notice,
            CampfireJsonContext.Default.TypingNotice,
            cancellationToken);
    }

    private async Task<WidgetMessagesResponse> GetMessagesBeforeAsync(VisitorIdentity visitor, long? before, int limit, CancellationToken cancellationToken)
    {
        MessagesPage page = await rpc.CallAsAsync(
            visitor, "campfire_messages", new MessagesArguments(visitor.ConversationId, before, limit), Types.MessagesArguments, Types.MessagesPage,
            cancellationToken).ConfigureAwait(false);
        var messages = new List<WidgetMessage>(page.Messages.Count);
        long? cursor = before;
        foreach (JsonElement row in page.Messages)
        {
            cursor = SequenceOf(row);
            AddIfReadable(messages, visitor, row);
        }

        return new WidgetMessagesResponse(messages, cursor, page.HasMore);
    }

    private async Task<WidgetMessagesResponse> GetMessagesAfterAsync(VisitorIdentity visitor, long after, int limit, CancellationToken cancellationToken)
    {
        EventsPage page = await rpc.CallAsAsync(
            visitor, "campfire_events", new EventsArguments(visitor.ConversationId, after, limit), Types.EventsArguments, Types.EventsPage,
            cancellationToken).ConfigureAwait(false);
        var messages = new List<WidgetMessage>(page.Events.Count);
        long cursor = after;
        foreach (LoggedEvent logged in page.Events)
        {
            // Other events move the cursor as well, otherwise the same page would come again.
            cursor = SequenceOf(logged.Payload);
            if (logged.Event == EventNames.MessageCreated)
                AddIfReadable(messages, visitor, logged.Payload);
        }

        return new WidgetMessagesResponse(messages, cursor, page.HasMore);
    }

    private static long SequenceOf(JsonElement row) =>
        row.ValueKind is JsonValueKind.Object && row.TryGetProperty("sequence"u8, out JsonElement sequence)
        && sequence.ValueKind is JsonValueKind.Number && sequence.TryGetInt64(out long value)
            ? value
            : throw new CampfireException(CampfireErrorCode.ProtocolViolation, "A row of the log has no sequence; are the migrations current?");

    // One row that cannot be read must not hide the others.
    private void AddIfReadable(List<WidgetMessage> messages, VisitorIdentity visitor, JsonElement row)
    {
        if (PayloadReader.TryRead(JsonMarshal.GetRawUtf8Value(row), Types.MessageCreated, out MessageCreated? message, out _))
            messages.Add(WidgetMessage.Of(message));
        else
            MessageUnreadable(visitor.ConversationId, SequenceOf(row));
    }
}
