using Campfire.Realtime.Protocol;
using Campfire.Realtime.Rest;

namespace Campfire.Realtime.Delivery;

/// <summary>Stores a message in the database, once: whether to try again is the caller's question, and the identifier makes it safe.</summary>
/// <param name="rpc">How the database is reached.</param>
/// <param name="onlyAs">The only user whose token may be used, or null for whoever it is.</param>
internal sealed class MessageStore(RpcClient rpc, string? onlyAs)
{
    public async Task<SentMessage> StoreAsync(Guid conversationId, OutgoingMessage message, CancellationToken cancellationToken)
    {
        var arguments = new SendMessageArguments(
            conversationId, message.Id, message.Content, message.Attachments.Count > 0 ? message.Attachments : null, message.Metadata);
        MessageCreated stored = await rpc.CallAsync(
            "campfire_send_message", arguments, RpcJsonContext.Default.SendMessageArguments, RpcJsonContext.Default.MessageCreated, onlyAs, cancellationToken).ConfigureAwait(false);
        return new SentMessage(stored.Id, stored.Sequence, stored.CreatedAt);
    }
}
