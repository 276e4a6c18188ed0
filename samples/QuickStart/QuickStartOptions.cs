namespace QuickStart;

internal sealed record QuickStartOptions(FileInfo? Transcript, int? Messages, FileInfo? Json, bool UseSupabase);

/// <summary>Stops the run with a message for the user instead of a stack trace.</summary>
internal sealed class QuickStartException(string message, Exception? inner = null) : Exception(message, inner);
