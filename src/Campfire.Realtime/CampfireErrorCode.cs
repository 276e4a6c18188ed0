namespace Campfire.Realtime;

/// <summary>Says what kind of trouble a <see cref="CampfireException"/> reports.</summary>
/// <remarks>Each code has a heading in <c>docs/troubleshooting.md</c>.</remarks>
public enum CampfireErrorCode
{
    /// <summary>The server could not be reached, or answered with an error of its own. Transient.</summary>
    Unavailable,

    /// <summary>The API key was refused. Permanent.</summary>
    InvalidApiKey,

    /// <summary>The access token was refused, also after a fresh one was asked for.</summary>
    InvalidToken,

    /// <summary>The token gives no right to what was asked for. Permanent.</summary>
    AccessDenied,

    /// <summary>A right that was there at the join is gone. Permanent.</summary>
    AccessWithdrawn,

    /// <summary>The conversation, organization or message does not exist, or the caller may not know that it does.</summary>
    NotFound,

    /// <summary>The identifier was used before for something else.</summary>
    Conflict,

    /// <summary>Somebody else has taken the conversation since.</summary>
    StaleHandler,

    /// <summary>The database refused the content; the message says which rule it breaks.</summary>
    Invalid,

    /// <summary>A limit of Supabase or of the database was reached. Transient.</summary>
    RateLimited,

    /// <summary>The server did not answer in time. Transient.</summary>
    Timeout,

    /// <summary>It is not known whether the message was stored; sending it again with the same identifier is safe.</summary>
    OutcomeUnknown,

    /// <summary>The server answered with something that the protocol does not allow.</summary>
    ProtocolViolation,

    /// <summary>The outbox belongs to another user than the access token. Nothing is sent.</summary>
    WrongUser,

    /// <summary>The outbox holds as much as it may. Transient.</summary>
    OutboxFull,

    /// <summary>The outbox is open already, here or in another process.</summary>
    OutboxInUse,

    /// <summary>The outbox's file is damaged, and was left as it is.</summary>
    OutboxDamaged,

    /// <summary>The disk is full or failed; the message was not accepted.</summary>
    OutboxUnavailable,
}
