-- Who calls reads the code of a consent's receipt aloud: whose it is, at the organisation that was sent it.
create index delivered_receipts on delivered (organisation, (data ->> 'receipt_code'))
    where data ->> 'receipt_code' is not null;
