using System.Diagnostics.CodeAnalysis;

namespace Campfire.Realtime.Connection;

/// <summary>What the server says in words. It is logged, shown as status and kept in exceptions.</summary>
internal static class ServerWords
{
    private const int MaxLength = 1_000;

    /// <summary>No more of it than a person reads: a log must not take a message of megabytes with each attempt.</summary>
    [return: NotNullIfNotNull(nameof(words))]
    public static string? Cut(string? words) => words?.Length > MaxLength ? words[..MaxLength] : words;
}
