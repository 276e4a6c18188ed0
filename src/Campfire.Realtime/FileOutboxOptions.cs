using Microsoft.Extensions.Logging;

namespace Campfire.Realtime;

/// <summary>Options of a <see cref="FileOutbox"/>. They are checked and copied once, when it is opened.</summary>
public sealed class FileOutboxOptions
{
    /// <summary>The default of <see cref="MaxMessages"/>.</summary>
    public const int DefaultMaxMessages = 10_000;

    /// <summary>The default of <see cref="MaxBytes"/>: 64 MB.</summary>
    public const long DefaultMaxBytes = 64 * 1024 * 1024;

    /// <summary>Gets or sets the file. Required; it is created where there is none, and so is its folder.</summary>
    /// <value>A file for each user. Beside it lie <c>{Path}.lock</c> and, for moments, <c>{Path}.new</c>.</value>
    public string? Path { get; set; }

    /// <summary>Gets or sets the user whose messages the file holds: the subject (<c>sub</c>) of the access tokens. Required.</summary>
    public string? Owner { get; set; }

    /// <summary>Gets or sets how many messages may wait.</summary>
    /// <value>The default is 10,000; 1 to 1,000,000.</value>
    public int MaxMessages { get; set; } = DefaultMaxMessages;

    /// <summary>Gets or sets how many bytes the waiting messages may take. They are held in memory too.</summary>
    /// <value>The default is 64 MB; 1 kB to 512 MB. The file may grow to about twice that before it is written anew.</value>
    public long MaxBytes { get; set; } = DefaultMaxBytes;

    /// <summary>Gets or sets whether a file that is damaged in its middle is opened nevertheless.</summary>
    /// <value>
    /// The default is <see langword="false"/>: it is refused with <see cref="CampfireErrorCode.OutboxDamaged"/> and left as it is. With
    /// <see langword="true"/>, the damaged file is kept as <c>{Path}.damaged</c> (an earlier one is replaced), and every whole message
    /// before and behind the damage is taken over; what was in the damaged place is lost, and said in the log. Where the beginning of the
    /// file is damaged, nobody knows whose the messages are, and none is taken over. A file of a later version of the library is refused in
    /// any case.
    /// </value>
    public bool SalvagesDamage { get; set; }

    /// <summary>Gets or sets where the outbox logs. Messages are never logged.</summary>
    /// <value>The default is <see langword="null"/>: nowhere.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    internal FileOutboxOptions CheckedCopy()
    {
        if (string.IsNullOrWhiteSpace(Path))
            throw new ArgumentException("Set Path to the outbox's file, one for each user.");
        if (string.IsNullOrWhiteSpace(Owner))
            throw new ArgumentException("Set Owner to the user's identifier, the subject (sub) of the access tokens.");
        if (MaxMessages is < 1 or > 1_000_000)
            throw new ArgumentException($"{nameof(MaxMessages)} is {MaxMessages}; it ranges from 1 to 1,000,000.");
        if (MaxBytes is < 1024 or > 512 * 1024 * 1024)
            throw new ArgumentException($"{nameof(MaxBytes)} is {MaxBytes}; it ranges from 1,024 to 536,870,912.");
        var copy = (FileOutboxOptions)MemberwiseClone();
        copy.Path = System.IO.Path.GetFullPath(Path);
        return copy;
    }
}
