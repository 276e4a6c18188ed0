using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Campfire.Realtime.Protocol.Json;

/// <summary>Turns an event's name and payload into the event, live or from the log.</summary>
internal static class PayloadReader
{
    private static CampfireJsonContext Types => CampfireJsonContext.Default;

    /// <summary>Reads any event of a conversation channel. False when it belongs to no conversation, or its sequence cannot be read.</summary>
    public static bool TryReadConversationEvent(
        string name, ReadOnlySpan<byte> payload, [NotNullWhen(true)] out ConversationEvent? result, [NotNullWhen(false)] out string? error)
    {
        result = null;
        error = null;
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
        catch (JsonException e)
        {
            error = e.Message;
        }

        // A stored event keeps its place in the order even when this version cannot read it.
        if (result is null or StoredEvent { Sequence: < 1 })
            result = TryReadUnknown(name, payload, out UnknownStoredEvent? unknown) ? unknown : null;
        if (result is null)
            error ??= "the payload has no sequence";
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

    private static bool TryReadUnknown(string name, ReadOnlySpan<byte> payload, [NotNullWhen(true)] out UnknownStoredEvent? result)
    {
        result = null;
        try
        {
            long sequence = Sequence(payload);
            if (sequence < 1)
                return false;

            var reader = new Utf8JsonReader(payload);
            result = new UnknownStoredEvent(name, JsonElement.ParseValue(ref reader)) { Sequence = sequence };
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static long Sequence(ReadOnlySpan<byte> payload)
    {
        var reader = new Utf8JsonReader(payload);
        if (!reader.Read() || reader.TokenType is not JsonTokenType.StartObject)
            throw new JsonException("The payload is not an object.");

        while (reader.Read() && reader.TokenType is JsonTokenType.PropertyName)
        {
            bool isSequence = reader.ValueTextEquals("sequence"u8);
            reader.Read();
            if (isSequence)
                return reader.TokenType is JsonTokenType.Number && reader.TryGetInt64(out long sequence) ? sequence : 0;
            reader.Skip();
        }

        return 0;
    }
}
