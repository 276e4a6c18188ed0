using Campfire.Realtime.Server.Tests.Support;

namespace Campfire.Realtime.Server.Tests;

[Parallelizable(ParallelScope.All)]
public sealed class WidgetAuthLimitTests
{
    [Test]
    public async Task One_address_is_bounded_and_told_how_long_to_wait()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(options => options.WidgetAuthRequestsPerMinute = 3);
        Guid organizationId = await Seed.OrganizationAsync();
        string widgetKey = await Seed.WidgetKeyAsync(organizationId);

        Reply[] replies = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => server.PostAsync("auth", new { widgetKey })));

        Assert.That(replies.Count(reply => reply.Status == 200), Is.EqualTo(3));
        foreach (Reply reply in replies.Where(reply => reply.Status != 200))
        {
            reply.AssertProblem(429, "campfire_rate_limited");
            Assert.That(reply.Headers.RetryAfter!.Delta, Is.GreaterThan(TimeSpan.Zero).And.LessThanOrEqualTo(TimeSpan.FromMinutes(1)));
        }

        Assert.That(await Seed.ConversationCountAsync(organizationId), Is.EqualTo(3));
    }

    [Test]
    public async Task Wrong_requests_count_as_well()
    {
        await using WidgetServer server = await WidgetServer.StartAsync(options => options.WidgetAuthRequestsPerMinute = 1);

        (await server.PostAsync("auth", new { widgetKey = "wk_guess_1" })).AssertProblem(403, "campfire_widget_refused");
        (await server.PostAsync("auth", new { widgetKey = "wk_guess_2" })).AssertProblem(429, "campfire_rate_limited");
    }
}
