using System.Net;
using Campfire.Realtime.Server;
using Campfire.Realtime.Server.Configuration;
using Campfire.Realtime.Server.Publishing;
using Campfire.Realtime.Server.Supabase;
using Campfire.Realtime.Server.Tokens;
using Campfire.Realtime.Server.Widgets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the server SDK.</summary>
public static class CampfireServerServiceCollectionExtensions
{
    /// <summary>Adds what <c>MapCampfire</c> needs, <see cref="WidgetTokenIssuer"/> and <see cref="ICampfirePublisher"/>.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets the options. They are checked when the application starts.</param>
    /// <returns>A builder on which the application says which widgets it lets in; there is no default.</returns>
    /// <exception cref="OptionsValidationException">A setting is missing or wrong; thrown at the application's start.</exception>
    public static CampfireServerBuilder AddCampfireServer(this IServiceCollection services, Action<CampfireServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);

        services.AddOptions<CampfireServerOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<CampfireServerOptions>, CampfireServerOptionsValidator>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<CampfireServerOptions>>().Value);

        services.TryAddSingleton<TokenSigning>();
        services.TryAddSingleton(provider => new WidgetTokenIssuer(
            provider.GetRequiredService<TokenSigning>(), provider.GetRequiredService<CampfireServerOptions>(), provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<VisitorTokenReader>();
        services.TryAddSingleton<AgentTokenReader>();
        services.TryAddSingleton<SupabaseRpc>();
        services.TryAddSingleton<ICampfirePublisher, RealtimePublisher>();
        services.TryAddSingleton<WidgetAuthLimiter>();
        services.TryAddSingleton<WidgetConversation>();
        services.TryAddScoped<WidgetSessions>();

        services.AddHttpClient(SupabaseRpc.HttpClientName)
            .RedactLoggedHeaders(["apikey", "Authorization"])
            .UseSocketsHttpHandler((handler, _) =>
            {
                // A redirect would carry the service key to wherever it points.
                handler.AllowAutoRedirect = false;
                handler.UseCookies = false;
                handler.AutomaticDecompression = DecompressionMethods.All;
                handler.PooledConnectionLifetime = TimeSpan.FromMinutes(2);
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
        return new CampfireServerBuilder(services);
    }
}
