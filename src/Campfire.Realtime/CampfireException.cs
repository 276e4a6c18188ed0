using System.Text.Json;

namespace Campfire.Realtime;

/// <summary>Reports that the server or the network did not do what was asked.</summary>
/// <remarks>Wrong use of the library throws exceptions of the base class library instead, and cancellation throws <see cref="OperationCanceledException"/>.</remarks>
public sealed class CampfireException : Exception
{
    /// <summary>Initializes an exception.</summary>
    /// <param name="code">What kind of trouble it is.</param>
    /// <param name="message">The cause and the remedy, in words.</param>
    /// <param name="serverReason">What the server said, word by word.</param>
    /// <param name="innerException">The exception that led to this one.</param>
    public CampfireException(CampfireErrorCode code, string message, string? serverReason = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Code = code;
        ServerReason = serverReason;
        HelpLink = $"docs/troubleshooting.md#{JsonNamingPolicy.KebabCaseLower.ConvertName(code.ToString())}";
    }

    /// <summary>Gets what kind of trouble it is.</summary>
    public CampfireErrorCode Code { get; }

    /// <summary>Gets what the server said, word by word; <see langword="null"/> when it said nothing.</summary>
    public string? ServerReason { get; }

    /// <summary>The server's words on what is wrong and what to do, without ours around them.</summary>
    internal string? Explanation { get; init; }

    /// <summary>Whether the database judged what was sent, and not its own state or the caller's. A transient one may be judged otherwise later.</summary>
    internal bool IsVerdict { get; init; }

    /// <summary>Gets whether the same call may succeed later without any change.</summary>
    public bool IsTransient => Code is CampfireErrorCode.Unavailable or CampfireErrorCode.RateLimited
        or CampfireErrorCode.Timeout or CampfireErrorCode.OutcomeUnknown or CampfireErrorCode.OutboxFull;
}
