namespace Campfire.Realtime;

/// <summary>Tells what became of a message from the outbox, or for what it waits.</summary>
/// <param name="MessageId">The message's identifier.</param>
/// <param name="ConversationId">The conversation that it was for.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Message">Its place in the conversation, when it was stored.</param>
/// <param name="Error">Why it was not stored, otherwise.</param>
public sealed record SendResult(Guid MessageId, Guid ConversationId, SendOutcome Outcome, SentMessage? Message = null, CampfireException? Error = null);

/// <summary>What became of a message.</summary>
public enum SendOutcome
{
    /// <summary>The database has stored it, once. The outbox no longer holds it.</summary>
    Stored,

    /// <summary>The database refused it for good. The outbox no longer holds it.</summary>
    Refused,

    /// <summary>
    /// It waits in the outbox for something that may need the application, for example a token: <see cref="SendResult.Error"/> says for what.
    /// It is tried again, and its result comes later. Told once for each reason, and not for what is transient.
    /// </summary>
    Waiting,
}
