using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Turns an event's name and payload into the event, live or from the log.</summary>
internal static class PayloadReader
{
    // A place in the order must be found whatever else the payload holds, or one message could stop a conversation for everybody.
    private static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    private static CampfireJsonContext Types => CampfireJsonContext.Default;

    /// <summary>Reads any event of a conversation channel. False when it belongs to no conversation, or its sequence cannot be read.</summary>
    public static bool TryReadConversationEvent(
        string name, ReadOnlySpan<byte> payload, [NotNullWhen(true)] out ConversationEvent? result, [NotNullWhen(false)] out string? error)
    {
        result = null;
        error = null;

        // The JSON reader looks at no byte inside of a string that nobody asks for.
        if (!Utf8.IsValid(payload))
        {
            error = "the payload is not UTF-8";
            return false;
        }

        try
        {
            result = name switch
            {
                EventNames.MessageCreated => Read(payload, Types.MessageCreated),
                EventNames.MessageUpdated => Read(payload, Types.MessageUpdated),
                EventNames.MessageDeleted => Read(payload, Types.MessageDeleted),
                EventNames.ReadReceipt => Read(payload, Types.ReadReceipt),
                EventNames.AiResponseDelta => Read(payload, Types.AiResponseDelta),
                EventNames.AiHandoverRequested => Read(payload, Types.HandoverRequested),
                EventNames.AiHandoverCompleted => Read(payload, Types.HandoverCompleted),
                EventNames.ConversationCreated => new ConversationCreated(Sequence(payload), Conversation(payload)),
                EventNames.ConversationUpdated => new ConversationUpdated(Sequence(payload), Conversation(payload)),
                EventNames.ConversationAssigned => new ConversationAssigned(Sequence(payload), Conversation(payload)),
                EventNames.ConversationUnassigned => new ConversationUnassigned(Sequence(payload), Conversation(payload)),
                EventNames.ConversationClosed => new ConversationClosed(Sequence(payload), Conversation(payload)),
                EventNames.ConversationReopened => new ConversationReopened(Sequence(payload), Conversation(payload)),
                EventNames.ConversationArchived => new ConversationArchived(Sequence(payload), Conversation(payload)),
                _ => null,
            };
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            error = e.Message;
        }

        // A stored event keeps its place in the order even when this version cannot read it.
        if (result is null or StoredEvent { Sequence: < 1 })
            result = !IsEphemeral(name) && TryReadUnknown(name, payload, out UnknownStoredEvent? unknown) ? unknown : null;
        if (result is null)
            error ??= IsEphemeral(name) ? "the event is never part of a log" : "the payload has no sequence";
        return result is not null;
    }

    public static bool TryReadConversation(ReadOnlySpan<byte> payload, [NotNullWhen(true)] out ConversationSummary? result, [NotNullWhen(false)] out string? error) =>
        TryRead(payload, Types.ConversationSummary, out result, out error);

    public static bool TryRead<T>(
        ReadOnlySpan<byte> payload, JsonTypeInfo<T> type, [NotNullWhen(true)] out T? result, [NotNullWhen(false)] out string? error)
        where T : class
    {
        try
        {
            result = Read(payload, type);
            error = null;
            return true;
        }
        catch (JsonException e)
        {
            result = null;
            error = e.Message;
            return false;
        }
    }

    private static T Read<T>(ReadOnlySpan<byte> payload, JsonTypeInfo<T> type)
        where T : class => JsonSerializer.Deserialize(payload, type) ?? throw new JsonException("The payload is null.");

    private static ConversationSummary Conversation(ReadOnlySpan<byte> payload) => Read(payload, Types.ConversationSummary);

    // One of these that cannot be read must not take the place of the stored event that has its number.
    private static bool IsEphemeral(string name) =>
        name is EventNames.ReadReceipt or EventNames.AiResponseDelta or EventNames.TypingStart or EventNames.TypingStop;

    private static bool TryReadUnknown(string name, ReadOnlySpan<byte> payload, [NotNullWhen(true)] out UnknownStoredEvent? result)
    {
        result = null;
        try
        {
            ReadOnlySpan<byte> idName = name.StartsWith("conversation:", StringComparison.Ordinal) ? "id"u8 : "conversation_id"u8;
            (long sequence, Guid conversationId) = ReadPlace(payload, idName);
            if (sequence < 1)
                return false;

            var reader = new Utf8JsonReader(payload, AnyDepth);
            result = new UnknownStoredEvent(name, JsonElement.ParseValue(ref reader)) { Sequence = sequence, ConversationId = conversationId };
            return true;
        }
        catch (Exception e) when (WireError.IsOfContent(e))
        {
            return false;
        }
    }

    private static long Sequence(ReadOnlySpan<byte> payload) => ReadPlace(payload, "id"u8).Sequence;

    /// <summary>Reads the two members by which an event has its place. What is not readable is 0 or nil; of a member given twice the last counts.</summary>
    private static (long Sequence, Guid ConversationId) ReadPlace(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> idName)
    {
        var reader = new Utf8JsonReader(payload, AnyDepth);
        reader.Read();
        if (reader.TokenType is not JsonTokenType.StartObject)
            throw new JsonException("The payload is not an object.");

        long sequence = 0;
        Guid conversationId = default;
        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            bool isSequence = reader.ValueTextEquals("sequence"u8);
            bool isId = reader.ValueTextEquals(idName);
            reader.Read();
            if (isSequence)
                sequence = reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out long number) ? number : 0;
            else if (isId)
                conversationId = reader.TokenType is JsonTokenType.String && !reader.ValueIsEscaped && reader.TryGetGuid(out Guid id) ? id : default;
            reader.Skip();
        }

        // Once more, so that anything behind the payload is an error.
        reader.Read();
        return (sequence, conversationId);
    }
}
