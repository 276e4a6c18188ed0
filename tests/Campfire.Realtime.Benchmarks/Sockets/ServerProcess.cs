using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Campfire.Realtime.Emulator;
using Microsoft.AspNetCore.Builder;

namespace Campfire.Realtime.Benchmarks.Sockets;

// The server that is measured, in a process of its own, so that the memory is its own. It ends with its standard input.
internal sealed class ServerProcess : IAsyncDisposable
{
    public const string Command = "serve";

    // The servers there are: Kestrel alone, the emulator without and with migrations, and the server SDK before such a one.
    public const string Bare = "bare";
    public const string Emulator = "emulator";
    public const string Project = "project";
    public const string Sdk = "sdk";

    private readonly Process _process;

    private ServerProcess(Process process, Address address)
    {
        _process = process;
        Address = address;
    }

    public Address Address { get; }

    // What the process holds in memory now, without what the system could drop; in megabytes of 1,000,000 bytes.
    public async Task<double> ReadResidentMegabytesAsync(CancellationToken cancellationToken)
    {
        string[] status = await File.ReadAllLinesAsync($"/proc/{_process.Id}/status", cancellationToken);
        string resident = status.First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return long.Parse(resident, CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    public static async Task<ServerProcess> StartAsync(string server, CancellationToken cancellationToken, Address? before = null)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!, [Command, server])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(before).AsMemory(), cancellationToken);
        await process.StandardInput.FlushAsync(cancellationToken);
        string line = await process.StandardOutput.ReadLineAsync(cancellationToken)
            ?? throw new InvalidOperationException("The server ended before it had an address.");
        return new ServerProcess(process, JsonSerializer.Deserialize<Address>(line)!);
    }

    // In the other process.
    public static async Task ServeAsync(string server, CancellationToken cancellationToken)
    {
        // Not on the command line, which every user of the machine can read: there are keys in it.
        string before = await Console.In.ReadLineAsync(cancellationToken) ?? "null";
        if (server == Bare)
        {
            await using WebApplication application = await BareServer.StartAsync(cancellationToken);
            await AwaitEndAsync(new Address(new Uri(application.Urls.First())), cancellationToken);
        }
        else if (server == Sdk)
        {
            await using WebApplication application = await SdkServer.StartAsync(JsonSerializer.Deserialize<Address>(before)!.Project!, cancellationToken);
            await AwaitEndAsync(new Address(new Uri(application.Urls.First())), cancellationToken);
        }
        else
        {
            await using CampfireEmulator emulator = await CampfireEmulator.StartAsync(
                new CampfireEmulatorOptions { Limits = Unlimited(), ApplyMigrations = server == Project }, cancellationToken);
            BenchProject? project = server == Project ? await BenchProject.SeedAsync(emulator, cancellationToken) : null;
            await AwaitEndAsync(new Address(emulator.Url, emulator.AnonKey, emulator.ConnectionString, project), cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    // A project's quotas would end the measurement before it began.
    private static EmulatorLimits Unlimited() => new()
    {
        MaxConcurrentUsers = 10_000,
        MaxEventsPerSecond = int.MaxValue,
        MaxJoinsPerSecond = int.MaxValue,
        MaxQueuedFramesPerSocket = 100_000,
    };

    private static async Task AwaitEndAsync(Address address, CancellationToken cancellationToken)
    {
        Console.WriteLine(JsonSerializer.Serialize(address));
        await Console.In.ReadToEndAsync(cancellationToken);
    }
}

internal sealed record Address(Uri Url, string AnonKey = "", string ConnectionString = "", BenchProject? Project = null);
