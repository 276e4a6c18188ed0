using System.Security.Cryptography;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using Testcontainers.PostgreSql;

namespace Campfire.Realtime.Emulator.Database;

internal sealed class ContainerServer : IDatabaseServer
{
    private const string Image = "postgres:17-alpine";
    private readonly PostgreSqlContainer _container;

    private ContainerServer(PostgreSqlContainer container)
    {
        _container = container;
    }

    public string AdminConnectionString => _container.GetConnectionString();

    public ValueTask DisposeAsync() => _container.DisposeAsync();

    // A published port is open to the whole network unless it says otherwise.
    public static void BindToLoopback(CreateContainerParameters container)
    {
        foreach (var binding in container.HostConfig?.PortBindings?.Values.SelectMany(bindings => bindings) ?? [])
            binding.HostIP = "127.0.0.1";
    }

    // Null when no Docker engine answers.
    public static async Task<ContainerServer?> TryStartAsync(CancellationToken cancellationToken)
    {
        PostgreSqlContainer container;
        try
        {
            var builder = new PostgreSqlBuilder(Image)
                .WithUsername(Surroundings.AdminRole)
                .WithPassword(RandomNumberGenerator.GetHexString(32))
                .WithDatabase("postgres")
                .WithCommand("-c", "wal_level=logical", "-c", "fsync=off", "-c", "full_page_writes=off");
            container = (IsEngineNear() ? builder.WithCreateParameterModifier(BindToLoopback) : builder).Build();
        }
        catch (DockerUnavailableException)
        {
            return null;
        }
        try
        {
            await container.StartAsync(cancellationToken).ConfigureAwait(false);
            await Surroundings.InstallAsync(container.GetConnectionString(), cancellationToken).ConfigureAwait(false);
            return new ContainerServer(container);
        }
        catch (Exception failure)
        {
            await container.DisposeAsync().ConfigureAwait(false);
            if (failure is OperationCanceledException)
                throw;
            if (failure is DockerUnavailableException)
                return null;
            throw new CampfireEmulatorException(
                CampfireEmulatorErrorCode.PostgresDidNotStart, $"The container {Image} did not start: {failure.Message}", failure);
        }
    }

    // From another machine, or from inside a container, the engine's loopback cannot be reached.
    private static bool IsEngineNear() =>
        !File.Exists("/.dockerenv")
        && TestcontainersSettings.OS.DockerEndpointAuthConfig?.Endpoint is not { IsLoopback: false, Scheme: "tcp" or "http" or "https" };
}
