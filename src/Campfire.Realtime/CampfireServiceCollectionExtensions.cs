using Campfire.Realtime;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the client in a container.</summary>
public static class CampfireServiceCollectionExtensions
{
    /// <summary>Registers one <see cref="CampfireClient"/> for the whole container. It connects when <see cref="CampfireClient.ConnectAsync"/> is called.</summary>
    /// <param name="services">The container.</param>
    /// <param name="configure">Sets the options; called once.</param>
    /// <returns>The container, for further calls.</returns>
    public static IServiceCollection AddCampfire(this IServiceCollection services, Action<CampfireClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<CampfireClientOptions>().Configure(configure);
        services.AddSingleton(provider => new CampfireClient(
            provider.GetRequiredService<IOptions<CampfireClientOptions>>(), provider.GetService<ILoggerFactory>()));
        return services;
    }
}
