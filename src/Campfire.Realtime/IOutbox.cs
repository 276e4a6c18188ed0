namespace Campfire.Realtime;

/// <summary>Keeps accepted messages until the database has stored them, also through a crash: see <see cref="FileOutbox"/>.</summary>
/// <remarks>
/// Set as <see cref="CampfireClientOptions.Outbox"/>, of one client at a time. The client calls <see cref="AddAsync"/> and
/// <see cref="ReadAsync"/> one after the other and never both at once, and <see cref="RemoveAsync"/> at any time. An exception of an outbox
/// reaches who enqueues a message as it is.
/// </remarks>
public interface IOutbox
{
    /// <summary>Gets the user whose messages these are: the subject (<c>sub</c>) of the access tokens. With another user's token nothing is sent.</summary>
    string Owner { get; }

    /// <summary>Reads the messages that have not been removed, in the order in which they were added.</summary>
    /// <param name="cancellationToken">Cancels the reading.</param>
    ValueTask<IReadOnlyList<OutboxMessage>> ReadAsync(CancellationToken cancellationToken = default);

    /// <summary>Adds a message behind those that are there, and completes when it would survive a crash.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Gives up before the message is added; it has no effect afterwards.</param>
    /// <returns>Whether it is new; <see langword="false"/> when the same message is in the outbox already.</returns>
    /// <exception cref="CampfireException">The message was not added: see <see cref="CampfireException.Code"/>.</exception>
    ValueTask<bool> AddAsync(OutboxMessage message, CancellationToken cancellationToken = default);

    /// <summary>Removes a message that the database has stored or refused. One that is not there is no error.</summary>
    /// <param name="messageId">The message's identifier.</param>
    /// <param name="cancellationToken">Gives up. A message that stays is sent again some day, and stored once.</param>
    ValueTask RemoveAsync(Guid messageId, CancellationToken cancellationToken = default);
}

/// <summary>A message in an outbox.</summary>
/// <param name="ConversationId">The conversation that it is for.</param>
/// <param name="Message">The message.</param>
public sealed record OutboxMessage(Guid ConversationId, OutgoingMessage Message);
