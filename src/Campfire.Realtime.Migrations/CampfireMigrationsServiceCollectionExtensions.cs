using Campfire.Realtime.Migrations;
using Campfire.Realtime.Migrations.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Lets a host migrate its database when it starts.</summary>
public static class CampfireMigrationsServiceCollectionExtensions
{
    /// <summary>Migrates the database of a connection string at the start of the host.</summary>
    /// <remarks>
    /// <para>The migrator runs in <c>IHostedLifecycleService.StartingAsync</c>, which the host awaits before it starts any hosted service,
    /// and so before a web server listens. Of services that do their own work in <c>StartingAsync</c>, those registered later
    /// find the database migrated, unless <c>HostOptions.ServicesStartConcurrently</c> is set.</para>
    /// <para>Hosts that start together wait for the one that migrates; the start's token and <c>HostOptions.StartupTimeout</c> end the
    /// wait. A database that cannot be migrated fails the start with a <see cref="CampfireMigrationException"/>.</para>
    /// <para>Connect as <c>postgres</c>: a second connection string beside that of the application, which needs no such rights.</para>
    /// </remarks>
    /// <param name="services">The container. It gets a <see cref="CampfireMigrator"/> as well.</param>
    /// <param name="connectionString">A URI <c>postgresql://…</c> or an Npgsql connection string.</param>
    /// <param name="configure">Sets the options, or <see langword="null"/> for the defaults. The log goes to the host's unless they say otherwise.</param>
    /// <returns>The container, for further calls.</returns>
    /// <exception cref="ArgumentException"><paramref name="connectionString"/> is empty. One that cannot be read fails the start.</exception>
    /// <exception cref="InvalidOperationException">It was called before: a host migrates one database.</exception>
    public static IServiceCollection AddCampfireMigrations(
        this IServiceCollection services, string connectionString, Action<CampfireMigratorOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        return Add(services, configure, (_, options) => new CampfireMigrator(connectionString, options));
    }

    /// <summary>Migrates the database of the container's <see cref="NpgsqlDataSource"/> at the start of the host.</summary>
    /// <remarks>As <see cref="AddCampfireMigrations(IServiceCollection, string, Action{CampfireMigratorOptions})"/> does. The data source
    /// must connect as <c>postgres</c>.</remarks>
    /// <param name="services">The container. It gets a <see cref="CampfireMigrator"/> as well.</param>
    /// <param name="configure">Sets the options, or <see langword="null"/> for the defaults. The log goes to the host's unless they say otherwise.</param>
    /// <returns>The container, for further calls.</returns>
    /// <exception cref="InvalidOperationException">It was called before: a host migrates one database.</exception>
    public static IServiceCollection AddCampfireMigrations(
        this IServiceCollection services, Action<CampfireMigratorOptions>? configure = null) =>
        Add(services, configure, (provider, options) => new CampfireMigrator(
            provider.GetService<NpgsqlDataSource>() ?? throw new InvalidOperationException(
                "AddCampfireMigrations found no NpgsqlDataSource in the container. Register one, or pass a connection string."),
            options));

    private static IServiceCollection Add(
        IServiceCollection services,
        Action<CampfireMigratorOptions>? configure,
        Func<IServiceProvider, CampfireMigratorOptions, CampfireMigrator> create)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(service => service.ImplementationType == typeof(MigrationService)))
        {
            throw new InvalidOperationException(
                "AddCampfireMigrations was called before, and a host migrates one database. Create a CampfireMigrator for the other one.");
        }
        services.AddOptions<CampfireMigratorOptions>().Configure(options => configure?.Invoke(options)).PostConfigure<IServiceProvider>(
            (options, provider) =>
            {
                if (options.LoggerFactory is NullLoggerFactory && provider.GetService<ILoggerFactory>() is { } logging)
                    options.LoggerFactory = logging;
            });
        services.AddSingleton(provider => create(provider, provider.GetRequiredService<IOptions<CampfireMigratorOptions>>().Value));
        services.AddHostedService<MigrationService>();
        return services;
    }
}
