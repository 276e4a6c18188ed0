using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace QuickStart;

/// <summary>The team's back end: the widget API of the server SDK on a free port of loopback.</summary>
internal static class WidgetApi
{
    public static async Task<WebApplication> StartAsync(SupabaseTarget target, ILoggerProvider log, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseSetting("urls", "http://127.0.0.1:0");
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning).AddProvider(log);
        builder.Services
            .AddCampfireServer(options =>
            {
                options.Url = target.Url;
                options.RealtimeUrl = target.RealtimeUrl;
                options.RestUrl = target.RestUrl;
                options.ApiKey = target.AnonKey;
                options.ServiceKey = target.ServiceKey;
                options.JwtSecret = target.JwtSecret;
            })
            .AuthorizeWidgetsByKey();

        WebApplication app = builder.Build();
        app.MapCampfire("/api");
        await app.StartAsync(cancellationToken);
        return app;
    }
}
