using Campfire.Realtime.Server.Widgets;
using Microsoft.Extensions.DependencyInjection;

namespace Campfire.Realtime.Server;

/// <summary>Completes what <c>AddCampfireServer</c> registered.</summary>
public sealed class CampfireServerBuilder
{
    internal CampfireServerBuilder(IServiceCollection services) => Services = services;

    /// <summary>Gets the application's services.</summary>
    public IServiceCollection Services { get; }

    /// <summary>Lets widgets in that state an enabled key of the table <c>widget_keys</c>.</summary>
    /// <remarks>
    /// A request with an <c>Origin</c> header, which every browser sends, must come from one of the key's <c>allowed_origins</c>:
    /// the same scheme, host and port, or any when the list holds <c>*</c>. An empty list lets no browser in. A request without
    /// that header comes from an app or a server, where an origin proves nothing, and needs the key alone.
    /// </remarks>
    /// <exception cref="InvalidOperationException">Another authorizer is already registered.</exception>
    public CampfireServerBuilder AuthorizeWidgetsByKey() => AuthorizeWidgetsWith<WidgetKeyAuthorizer>();

    /// <summary>Lets widgets in that an authorizer of the application accepts. It is created once per request.</summary>
    /// <typeparam name="T">The authorizer.</typeparam>
    /// <exception cref="InvalidOperationException">Another authorizer is already registered.</exception>
    public CampfireServerBuilder AuthorizeWidgetsWith<T>()
        where T : class, IWidgetAuthorizer
    {
        if (Services.Any(service => service.ServiceType == typeof(IWidgetAuthorizer)))
        {
            throw new InvalidOperationException(
                "Widgets already have an authorizer. Call AuthorizeWidgetsByKey or AuthorizeWidgetsWith once; an authorizer that needs both checks combines them.");
        }

        Services.AddScoped<IWidgetAuthorizer, T>();
        return this;
    }
}
