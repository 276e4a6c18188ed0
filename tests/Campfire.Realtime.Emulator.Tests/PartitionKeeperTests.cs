using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.TestSupport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Campfire.Realtime.Emulator.Tests;

public sealed class PartitionKeeperTests
{
    private static readonly TimeSpan _hour = TimeSpan.FromHours(1);

    // What a pool throws that is at its end, or a program that is short of something, is no NpgsqlException.
    [Test]
    public async Task A_failure_of_any_kind_is_logged_and_the_next_hour_tries_again()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        using var log = new LogCollector();
        var looks = 0;
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var builder = new NpgsqlDataSourceBuilder(EmulatorFixture.Emulator.AdminConnectionString + ";Pooling=false");
        builder.UsePhysicalConnectionInitializer(_ => throw new NotSupportedException(), _ =>
        {
            looks++;
            if (looks == 2)
                throw new InvalidOperationException("something unforeseen");
            if (looks == 3)
                again.SetResult();
            return Task.CompletedTask;
        });
        await using var database = builder.Build();
        await using var keeper = new PartitionKeeper(database, time, log.CreateLogger<PartitionKeeper>());
        await keeper.StartAsync(CancellationToken.None);

        time.Advance(_hour);
        await Assert.ThatAsync(() => Task.FromResult(log.Entries), Has.Some.Matches<(int Id, LogLevel Level, string Text)>(
            entry => entry is { Id: 3030, Level: LogLevel.Error } && entry.Text.Contains("something unforeseen", StringComparison.Ordinal)).After(20_000, 20));
        time.Advance(_hour);

        Assert.That(async () => await again.Task.WaitAsync(PlainSocket.Deadline), Throws.Nothing, "it looked again");
    }
}
