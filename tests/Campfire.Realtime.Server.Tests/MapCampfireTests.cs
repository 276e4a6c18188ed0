using Campfire.Realtime.Server.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class MapCampfireTests
{
    [Test]
    public async Task Mapping_without_the_services_names_the_call_to_make()
    {
        await using WebApplication app = WebApplication.CreateSlimBuilder().Build();

        Assert.That(() => app.MapCampfire(), Throws.InvalidOperationException.With.Message.Contains("AddCampfireServer"));
    }

    [Test]
    public async Task Mapping_without_an_authorizer_names_the_calls_to_make()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddCampfireServer(WidgetServer.UseEmulator);
        await using WebApplication app = builder.Build();

        Assert.That(
            () => app.MapCampfire(), Throws.InvalidOperationException.With.Message.Contains("AuthorizeWidgetsByKey").And.Message.Contains("AuthorizeWidgetsWith"));
    }

    [Test]
    public void Two_authorizers_are_refused()
    {
        CampfireServerBuilder server = new ServiceCollection().AddCampfireServer(WidgetServer.UseEmulator).AuthorizeWidgetsByKey();

        Assert.That(() => server.AuthorizeWidgetsByKey(), Throws.InvalidOperationException);
    }

    [Test]
    public async Task Conventions_of_the_group_apply_to_every_endpoint()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddCampfireServer(WidgetServer.UseEmulator).AuthorizeWidgetsByKey();
        await using WebApplication app = builder.Build();

        app.MapCampfire("/support").WithMetadata("mine");

        RouteEndpoint[] endpoints = [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];
        Assert.That(
            endpoints.Select(endpoint => endpoint.RoutePattern.RawText),
            Is.EquivalentTo(new[] { "/support/widget/auth", "/support/widget/messages", "/support/widget/messages", "/support/widget/typing", "/support/widget/read" }));
        Assert.That(endpoints.Select(endpoint => endpoint.Metadata.GetMetadata<string>()), Is.All.EqualTo("mine"));
    }
}
