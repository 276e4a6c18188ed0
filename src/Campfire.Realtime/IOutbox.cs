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
    /// <exception cref="CampfireException">
    /// The message was not added; or, with <see cref="CampfireErrorCode.OutcomeUnknown"/>, nobody knows. Adding the same one again is safe.
    /// </exception>
    ValueTask<bool> AddAsync(OutboxMessage message, CancellationToken cancellationToken = default);

    /// <summary>Removes a message that the database has stored or refused, and completes when the removal would survive a crash.</summary>
    /// <param name="messageId">The message's identifier. One that is not there is no error.</param>
    /// <param name="cancellationToken">Gives up before the message is removed; it has no effect afterwards.</param>
    /// <remarks>
    /// The client calls it, tells the result of a message only afterwards, and calls again after an exception for as long as it lives. It does
    /// not stop a client from sending the message: that is <see cref="CampfireClient.WithdrawMessageAsync"/>.
    /// </remarks>
    ValueTask RemoveAsync(Guid messageId, CancellationToken cancellationToken = default);
}

/// <summary>A message in an outbox.</summary>
/// <param name="ConversationId">The conversation that it is for.</param>
/// <param name="Message">The message.</param>
public sealed record OutboxMessage(Guid ConversationId, OutgoingMessage Message);
