using System.Text.Json;
using Campfire.Realtime.Migrations.Tests.Support;
using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Adoption;

// A database that holds the system of before, anew for each test.
[NonParallelizable]
[FixtureLifeCycle(LifeCycle.SingleInstance)]
public abstract class AdoptionFixture : MigratorFixture
{
    private static readonly string _originalSystem = ReadOriginalSystem();

    [SetUp]
    public Task InstallOriginalSystemAsync() => ExecuteAsync(_originalSystem);

    private protected Task<MigrationResult> MigrateAsync() => new CampfireMigrator(Emulator.ConnectionString).MigrateAsync();

    private protected async Task<T> RunAsAsync<T>(Caller caller, Func<NpgsqlConnection, Task<T>> action)
    {
        await using NpgsqlConnection connection = await Database.OpenConnectionAsync();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync();
        await caller.BecomeAsync(connection);
        T result = await action(connection);
        await transaction.CommitAsync();
        return result;
    }

    private protected Task<JsonElement> CallAsync(Caller caller, string call) =>
        RunAsAsync(caller, async connection => Json.Parse(await connection.ReadAsync<string>($"select public.{call}::text")));

    private static string ReadOriginalSystem()
    {
        using Stream stream = typeof(AdoptionFixture).Assembly.GetManifestResourceStream("original_system.sql")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
