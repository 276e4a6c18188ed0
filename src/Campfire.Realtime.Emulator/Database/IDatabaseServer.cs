namespace Campfire.Realtime.Emulator.Database;

internal interface IDatabaseServer : IAsyncDisposable
{
    // As a superuser other than `postgres`, in the database that the emulator serves.
    string AdminConnectionString { get; }
}
