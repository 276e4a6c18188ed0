using Campfire.Realtime.Outbox;

namespace Campfire.Realtime.Delivery;

/// <summary>What the sending of all conversations of one client shares.</summary>
internal sealed record SendingServices(MessageStore Store, ConversationOrder Order, OutboxSender? Outbox)
{
    public OutboxSender OutboxOrThrow() => Outbox ?? throw new InvalidOperationException(
        "The client has no outbox. Set CampfireClientOptions.Outbox, for example to a FileOutbox, or await SendMessageAsync.");
}
