namespace Campfire.Realtime.Emulator.Realtime;

// Why the policies of realtime.messages gave no answer.
internal enum PolicyFault
{
    None,
    PolicyFailed,
    QueryCanceled,
    MissingPartition,
    DatabaseUnavailable,
}
