using System.Text.Json;
using System.Text.Json.Serialization;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Outbox;

internal sealed record OutboxHeader(int Version, string Owner);

internal sealed record OutboxEntry(Guid ConversationId, Guid Id, string Content, IReadOnlyList<MessageAttachment>? Attachments = null, JsonElement? Metadata = null)
{
    public static byte[] Encode(OutboxMessage item)
    {
        OutgoingMessage message = item.Message;
        var entry = new OutboxEntry(item.ConversationId, message.Id, message.Content, message.Attachments.Count > 0 ? message.Attachments : null, message.Metadata);
        return JsonSerializer.SerializeToUtf8Bytes(entry, OutboxJsonContext.Default.OutboxEntry);
    }

    public OutboxMessage ToMessage() =>
        new(ConversationId, new OutgoingMessage(Content) { Id = Id, Attachments = Attachments ?? [], Metadata = Metadata });
}

/// <remarks>No limit of depth: metadata is the application's, and what was accepted must be readable again.</remarks>
[JsonSourceGenerationOptions(
    MaxDepth = int.MaxValue,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(OutboxHeader))]
[JsonSerializable(typeof(OutboxEntry))]
internal sealed partial class OutboxJsonContext : JsonSerializerContext;
