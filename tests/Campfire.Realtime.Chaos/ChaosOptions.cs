namespace Campfire.Realtime.Chaos;

internal sealed record ChaosOptions(int Messages, int Faults, int Seed, FileInfo? Json, bool UseSupabase);

/// <summary>Stops a run with a message for the user instead of a stack trace.</summary>
internal sealed class ChaosException(string message) : Exception(message);
