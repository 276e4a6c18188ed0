namespace Campfire.Realtime.Emulator;

/// <summary>The emulator could not do what was asked; the message names the cause and the remedy.</summary>
public sealed class CampfireEmulatorException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="code">The reason in a form that code can test.</param>
    /// <param name="message">The cause and the remedy.</param>
    /// <param name="innerException">The underlying failure, if there is one.</param>
    public CampfireEmulatorException(CampfireEmulatorErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException)
    {
        Code = code;
    }

    /// <summary>The reason in a form that code can test.</summary>
    public CampfireEmulatorErrorCode Code { get; }
}
