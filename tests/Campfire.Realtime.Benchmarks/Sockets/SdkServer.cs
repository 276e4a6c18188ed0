using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Benchmarks.Sockets;

// A back end as an application would build it, with limits that one address can live with.
internal static class SdkServer
{
    public static async Task<WebApplication> StartAsync(BenchProject project, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddCampfireServer(options =>
        {
            options.Url = project.Url;
            options.ApiKey = project.AnonKey;
            options.ServiceKey = project.ServiceKey;
            options.JwtSecret = project.JwtSecret;
            options.WidgetAuthRequestsPerMinute = 1_000_000;
        }).AuthorizeWidgetsByKey();
        WebApplication application = builder.Build();
        application.MapCampfire("/api");
        await application.StartAsync(cancellationToken);
        return application;
    }
}
