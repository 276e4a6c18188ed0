using System.Text.Json.Nodes;
using Campfire.Realtime.Emulator;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Server;
using Campfire.Realtime.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Campfire.Realtime.Interop.Tests;

// A widget in JavaScript at the server SDK, with nothing in its hands but the key of its site.
public sealed class WidgetTests
{
    private static CampfireEmulator Emulator => EmulatorFixture.Emulator;

    [Test]
    public async Task Visitor_of_a_widget_talks_with_a_dotnet_agent_that_sees_it_in_the_inbox()
    {
        SupportDesk desk = await SupportDesk.CreateAsync(Emulator);
        await using WebApplication server = await StartServerAsync();
        await using CampfireClient client = await Meeting.ConnectAsync(Emulator, desk.AgentToken);
        await using Inbox inbox = await client.JoinInboxAsync(desk.OrganizationId).WaitAsync(Meeting.Deadline);
        await using IAsyncEnumerator<ConversationSummary> arrivals = inbox.ReadChangesAsync().GetAsyncEnumerator();
        await using NodeScript visitor = Meeting.StartParticipant(Emulator);

        JsonNode session = (await visitor.CallAsync("enter", new { url = $"{server.Urls.Single()}/api", widgetKey = await WidgetKeyAsync(desk.OrganizationId), name = "Vera" }))!;
        Assert.That(await arrivals.MoveNextAsync().AsTask().WaitAsync(Meeting.Deadline), Is.True);
        Assert.That((arrivals.Current.Id, arrivals.Current.CustomerName), Is.EqualTo((Guid.Parse((string)session["conversationId"]!), "Vera")));

        await using Conversation agent = await client.JoinConversationAsync(desk.OrganizationId, arrivals.Current.Id, 0).WaitAsync(Meeting.Deadline);
        await visitor.CallAsync("send", new { content = "Is anybody there?" });
        await agent.SendMessageAsync("I am").WaitAsync(Meeting.Deadline);

        JsonNode question = (await visitor.CallAsync("nextMessage"))!;
        JsonNode reply = (await visitor.CallAsync("nextMessage"))!;
        Assert.That(((string?)question["content"], (string?)question["sender_id"]), Is.EqualTo(("Is anybody there?", (string?)session["visitorId"])));
        Assert.That(((string?)reply["content"], (string?)reply["sender_name"]), Is.EqualTo(("I am", "Ada")));
    }

    private static async Task<WebApplication> StartServerAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services
            .AddCampfireServer(options =>
            {
                options.Url = Emulator.Url;
                options.ApiKey = Emulator.AnonKey;
                options.ServiceKey = Emulator.ServiceKey;
                options.JwtSecret = Emulator.JwtSecret;
            })
            .AuthorizeWidgetsByKey();
        WebApplication app = builder.Build();
        app.MapCampfire("/api");
        await app.StartAsync();
        return app;
    }

    private static async Task<string> WidgetKeyAsync(Guid organizationId)
    {
        string key = "wk_" + Guid.NewGuid().ToString("N");
        await using var database = NpgsqlDataSource.Create(Emulator.ConnectionString);
        await using NpgsqlCommand command = database.CreateCommand("insert into public.widget_keys (organization_id, public_key) values ($1, $2)");
        command.Parameters.Add(new NpgsqlParameter { Value = organizationId });
        command.Parameters.Add(new NpgsqlParameter { Value = key });
        await command.ExecuteNonQueryAsync();
        return key;
    }
}
