CREATE TABLE "object_deletions" (
	"key" text PRIMARY KEY NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone NOT NULL,
	"error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_receivers" (
	"owner" text NOT NULL,
	"receiver" text NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"slow" boolean DEFAULT false NOT NULL,
	"retry_at" timestamp with time zone,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_receivers_owner_receiver_pk" PRIMARY KEY("owner","receiver")
);
--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "owner" text;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "receiver" text;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "first_due_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "object_deletions_due" ON "object_deletions" USING btree ("next_attempt_at");--> statement-breakpoint
CREATE INDEX "webhook_receivers_updated" ON "webhook_receivers" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_lanes" ON "webhook_deliveries" USING btree ("receiver","owner",greatest("next_attempt_at", "locked_until")) WHERE "webhook_deliveries"."status" = 'pending';