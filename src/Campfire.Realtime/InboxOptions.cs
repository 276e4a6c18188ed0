namespace Campfire.Realtime;

/// <summary>Options of one inbox.</summary>
public sealed class InboxOptions
{
    /// <summary>The default of <see cref="Limit"/>.</summary>
    public const int DefaultLimit = 500;

    /// <summary>Gets or sets how many conversations the live list holds.</summary>
    /// <value>
    /// The default is 500; 1 to 10,000. The list holds those that changed last. The oldest falls out for a newer one, and is still read
    /// with <see cref="Inbox.GetConversationsAsync"/>.
    /// </value>
    public int Limit { get; set; } = DefaultLimit;

    internal int CheckedLimit() =>
        Limit is >= 1 and <= 10_000 ? Limit : throw new ArgumentException($"{nameof(Limit)} is {Limit}; it ranges from 1 to 10,000.");
}
