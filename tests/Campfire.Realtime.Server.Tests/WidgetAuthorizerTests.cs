using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetAuthorizerTests
{
    private WidgetServer _server = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => _server = await WidgetServer.StartAsync(authorize: server => server.AuthorizeWidgetsWith<SignedKeyAuthorizer>());

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task A_visitor_whom_the_authorizer_vouches_for_resumes_without_a_token()
    {
        Guid organizationId = await Seed.OrganizationAsync();
        var visitorId = Guid.CreateVersion7();

        Session first = Session.Of((await AuthAsync(organizationId, vouchedFor: visitorId)).Json);
        Session second = Session.Of((await AuthAsync(organizationId, vouchedFor: visitorId)).Json);

        Assert.That(first.VisitorId, Is.EqualTo(visitorId));
        Assert.That(second.ConversationId, Is.EqualTo(first.ConversationId));
    }

    [Test]
    public async Task The_authorizers_word_counts_more_than_a_token()
    {
        Guid organizationId = await Seed.OrganizationAsync();
        Session other = Session.Of((await AuthAsync(organizationId, vouchedFor: Guid.CreateVersion7())).Json);
        var visitorId = Guid.CreateVersion7();

        Session session = Session.Of((await AuthAsync(organizationId, visitorId, other.Token)).Json);

        Assert.That(session.VisitorId, Is.EqualTo(visitorId));
    }

    [Test]
    public async Task An_unknown_organization_is_not_found() =>
        (await AuthAsync(Guid.NewGuid())).AssertProblem(404, "campfire_not_found");

    [Test]
    public async Task The_authorizers_refusal_reaches_the_widget() =>
        (await _server.PostAsync("auth", new { widgetKey = "refuse me" })).AssertProblem(403, "campfire_widget_refused", "Not today.");

    private async Task<Reply> AuthAsync(Guid organizationId, Guid? vouchedFor = null, string? token = null) =>
        await _server.PostAsync("auth", new { organizationId, widgetKey = vouchedFor?.ToString() }, token);

    private sealed class SignedKeyAuthorizer : IWidgetAuthorizer
    {
        public ValueTask<WidgetAuthorization> AuthorizeAsync(WidgetAuthorizationRequest request, CancellationToken cancellationToken) => ValueTask.FromResult(
            request.OrganizationId is not { } organizationId ? WidgetAuthorization.Refuse("Not today.")
            : Guid.TryParse(request.WidgetKey, out Guid visitorId) ? WidgetAuthorization.Allow(organizationId, visitorId)
            : WidgetAuthorization.Allow(organizationId));
    }
}
